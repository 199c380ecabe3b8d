"""Database roles for workers that may read and write only what the jobs need which they hold.

`rights` is the table of what they may do, `rules` are the functions behind it, and `setting_up` brings both into
PostgreSQL.
"""
