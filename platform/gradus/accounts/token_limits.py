"""How many API tokens an account may have, and how long they last."""

TOKENS_MAX = 20
TOKEN_DAYS = 90
"""The days after which a token expires, unless its owner chooses another number."""
DAYS_MAX = 365
