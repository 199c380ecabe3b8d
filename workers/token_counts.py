"""Carries out `Count` items with the base model's tokenizer, which lies beside its weights."""

from __future__ import annotations

from challenges.models import tokens
from graders.base import Count, Counted
from workers.remote import EngineMisconfigured


def count(item: Count) -> Counted:
    """Raises `EngineMisconfigured`, which says what to do, where the tokenizer is not on this machine."""
    counter = tokens.counter(item.model)
    if counter is None:
        raise EngineMisconfigured(
            f"This worker does not hold the tokenizer of {item.model}, with which the challenge counts tokens. "
            f"Run `manage.py fetch_models {item.model}` on its machine."
        )
    return Counted(counter(item.text))
