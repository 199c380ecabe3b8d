"""Submissions, runs, evaluations, scores, standings, events, in three rooms with one direction.

`services/` is the queue and its gradings: `services/submit.py` stores an attempt, `services/purpose.py` says what a run
is for, and `services/claim.py` and `services/finish.py` give work to workers and store what they hand in. It uses
`budgets/` and `results/`, which know neither it nor each other; all use `models/`. `queue.py` says in which order what
waits is claimed.
"""
