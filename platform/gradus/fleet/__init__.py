"""Machines that work for the site.

`tokens.py` makes, binds and revokes the tokens with which their workers join over HTTPS, `machines.py` reads what the
page `Workers` shows. `jobs.py` makes a job of an evaluation, `door.py` and `calls.py` answer what such workers ask,
`files.py` sends and takes their files, and `proposals.py` keeps what they have measured.
"""
