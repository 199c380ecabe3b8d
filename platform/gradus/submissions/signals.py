"""Signals about the end of an evaluation. They are sent inside its transaction, which a receiver aborts by raising.

`recorded`: a grade was recorded (`evaluation`, `outcome`). `closed`: an evaluation ended without a grade
(`evaluation`). `adopted`: a held grade became current (`evaluation`, `proposal`).
"""

from django.dispatch import Signal

recorded = Signal()
closed = Signal()
adopted = Signal()
