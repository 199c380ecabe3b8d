"""Leaderboards. It reads standings and writes nothing.

`ranking.py` finds ranks, `fairness.py` says what chance explains, `shake_up.py` who moved at the reveal.
"""
