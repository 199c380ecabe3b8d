"""Sent inside the transaction that they are about. Receivers may veto by raising.

`recorded`: a grade was recorded (`evaluation`, `outcome`). `closed`: an evaluation ended without a grade
(`evaluation`). `adopted`: a held grade became current (`evaluation`, `proposal`).
"""

from django.dispatch import Signal

recorded = Signal()
closed = Signal()
adopted = Signal()
