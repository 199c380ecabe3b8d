"""The Gradus site.

`platform/` itself is a plain folder. Never put a `.py` file directly into it, because it would shadow Python's own
module `platform`.

`outgoing.py` sends all requests to other servers, and `id_tokens.py` checks the tokens with which they say who somebody
is.
"""
