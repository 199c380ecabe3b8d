"""A lesson's findings: what is declared, its runs, its digests and its texts.

`digest.py` has the constants of the test, and `reproduced.py` says whether an arm that was repeated agrees with the
record.
"""
