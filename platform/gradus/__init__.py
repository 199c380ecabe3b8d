"""The Gradus site.

`platform/` itself is a plain folder. Never put a `.py` file directly into it, because it would shadow Python's own
module `platform`.
"""
