"""Grading as plain Python: it holds rules and right answers, and uses no model, network or database itself."""
