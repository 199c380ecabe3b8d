"""Reads from the environment which prompt template the judge uses."""

from __future__ import annotations

import os
from collections.abc import Mapping

from challenges.registry import RegistryError
from graders.free_text.judge import templates
from workers.judge.contract import JudgeMisconfigured


def chosen(environment: Mapping[str, str] = os.environ) -> str:
    """The name in GRADUS_JUDGE_TEMPLATE, empty for the default.

    Raises JudgeMisconfigured for an unknown name, and for a template that its package does not hold.
    """
    name = environment.get("GRADUS_JUDGE_TEMPLATE", "")
    try:
        if name and name not in templates.names():
            raise JudgeMisconfigured(
                f"There is no judge template {name!r}. Set GRADUS_JUDGE_TEMPLATE to one of "
                f"{', '.join(templates.names())} and restart the workers."
            )
        templates.instructions(name)
    except RegistryError as error:
        raise JudgeMisconfigured(f"{error} Correct or uninstall the package and restart the workers.") from error
    return name
