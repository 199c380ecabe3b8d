"""Real processes under faults: workers, runners, reconcilers and clients that are killed, stopped and cut off.

`stage.py` is one process with Django that forks them all; `site.py` starts it on a database of its own and talks to
it; `history.py` compares what came of it with an explicit model. The engine is a stub (`stub_runner.py`); worker,
supervisor, confinement, services and database are the real ones.
"""
