"""The download of everything that the site keeps about a person, and its deletion.

`deletion.py` asks, keeps and finds what is due, `erasing.py` deletes in steps. `merging.py` and `moving.py` make two
accounts one. A table that names a person or holds a learner's words gets a section in `document.py` and a step in
`erasing.py`.
"""
