"""The reconciler: what the site does every ten seconds, whoever else is at work.

`reconciler.py` has the steps of a round, `orphan_files.py` deletes files without a row, `invariants.py` counts rows
that must not be.
"""
