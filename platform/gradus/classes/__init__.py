"""Classes, their members and labels, and who joins how.

`policy.py` decides what dates allow, `access.py` loads its facts, `date_rules.py` and `dates.py` write them,
`releases.py` has what is withheld, `audit.py` reads the trace, `roster/` compares and applies lists of people.
"""
