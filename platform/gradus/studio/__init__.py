"""The studio, in which authors change the files of a course on the site.

`workspace.py` keeps edits on top of a course's draft and makes a draft of them, `rows.py` shows rows as a table,
`trials.py` runs submissions on its public rows.
"""
