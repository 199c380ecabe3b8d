"""Grades free-text answers: checks in code, a judge that marks criteria with quotes, and a built-in verifier."""
