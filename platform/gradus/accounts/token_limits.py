"""How many API tokens an account may have, and how long they last."""

TOKENS_MAX = 20
"""The tokens of one account that may work at the same time."""
TOKEN_DAYS = 90
"""The days after which a token expires, unless its owner chooses another number."""
DAYS_MAX = 365
