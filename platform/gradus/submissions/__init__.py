"""Submissions, runs, evaluations, scores, standings, events. The services are the only writers.

`services/submit.py` stores an attempt, `services/purpose.py` says what a run is for, `queue.py` in which order both
wait, and `services/finish.py` stores what a worker hands in. `limits.py` has every limit, `durations.py` how long a job
takes, and `copying/` finds attempts that have parts in common.
"""
