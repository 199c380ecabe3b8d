"""`gradus course preview`: the pages of an author's folder on the author's own machine, which follow saved files.

`folder.py` reads the folder, `watch.py` follows it, `checker.py` lints it, `pages.py` has what it adds to the site.
"""
