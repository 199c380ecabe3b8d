"""Carries out `Count` items with the base model's tokenizer, which lies beside its weights."""

from __future__ import annotations

from challenges.tokens import counter
from graders.base import Count, Counted
from workers.remote import EngineMisconfigured


def count(item: Count) -> Counted:
    """Raises `EngineMisconfigured`, which says what to do, where the tokenizer is not on this machine."""
    tokens = counter(item.model)
    if tokens is None:
        raise EngineMisconfigured(
            f"This worker does not hold the tokenizer of {item.model}, with which the challenge counts tokens. "
            f"Run `manage.py fetch_models {item.model}` on its machine."
        )
    return Counted(tokens(item.text))
