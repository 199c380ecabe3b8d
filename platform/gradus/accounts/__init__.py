"""Users, guests, API tokens, sign-in, rate limits, the log of staff actions.

`roles.py` is the one place that says who may do what in a course.
"""
