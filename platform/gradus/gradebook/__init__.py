"""The grades of a class.

`cells.py` computes them, `queries.py` reads them, `points.py` says what a score is worth, `exports.py` writes the files
of other systems, `progress.py` says how a class is doing.
"""
