"""Reads from the environment which prompt template the judge uses."""

from __future__ import annotations

import os
from collections.abc import Mapping

from graders.free_text import templates
from workers.judge.contract import JudgeMisconfigured


def chosen(environment: Mapping[str, str] = os.environ) -> str:
    """The template's name in GRADUS_JUDGE_TEMPLATE, "" for the default. Raises JudgeMisconfigured if it is unknown."""
    name = environment.get("GRADUS_JUDGE_TEMPLATE", "")
    if name and name not in templates.names():
        raise JudgeMisconfigured(
            f"There is no judge template {name!r}. Set GRADUS_JUDGE_TEMPLATE to one of {', '.join(templates.names())} "
            "and restart the workers."
        )
    return name
