"""Grades that need a person.

The desk, appeals, audits, regrades, reports on judges. `desk.py` has the queries of the desk, `certainty.py` what
stated certainty is worth, `services/` who holds an answer, decisions, and which attempts wait.
"""
