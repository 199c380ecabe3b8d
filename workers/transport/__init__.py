"""Where workers meet the site: in the same process and database (`beside`), or over HTTPS (`http`).

`site.py` says what workers ask. This is the one folder of theirs that knows Django; `judging.py`, `linting.py` and
`gold_vectors.py` are for workers beside the site alone.
"""
