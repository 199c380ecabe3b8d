"""Reads authors' files: sources, rows, documents, YAML and JSON lines with their line numbers.

`yaml_mistakes.py`, `json_mistakes.py`, `key_errors.py` and `encodings.py` say in an author's words what is wrong with
them.
"""
