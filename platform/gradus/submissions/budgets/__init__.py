"""What may be used, and what is left of it: limits, the quotas of courses and classes, and the slots that uses take.

`limits.py` has an entry for each limit, `slots.py` enforces them with rows, and `quotas.py` has the budgets.
"""
