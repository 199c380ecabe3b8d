"""Grading as plain Python: it holds rules and right answers, and uses no model, network or database itself.

A grader is a generator that yields work items, gets their results, and returns a `Grade`.
"""
