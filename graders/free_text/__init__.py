"""Grades free-text answers with checks in code, a judge that marks each criterion with quotes, and a verifier."""
