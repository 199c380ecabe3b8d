"""Tests with real processes under faults: workers, runners, reconcilers and clients are killed, stopped and cut off.

`harness.py` is a process with Django that forks all others. `site.py` starts it with a new database and sends it
requests. `history.py` compares the resulting database with an explicit model of the states. The engine is a stub
(`stub_runner.py`); worker, supervisor, confinement, services and database are the real ones.
"""
