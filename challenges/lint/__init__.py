"""Everything that `gradus challenge lint` checks.

`run.py` is its entry, and `stored.py` lints a challenge of the database.
"""
