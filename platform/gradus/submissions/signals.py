"""Sent inside the transaction that records a grade: `evaluation`, `outcome`. Receivers may veto by raising."""

from django.dispatch import Signal

recorded = Signal()
