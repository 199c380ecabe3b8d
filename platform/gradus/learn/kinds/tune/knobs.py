"""The hyperparameters of a training run's form: names, what may be chosen, where they start, and reading them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pydantic import ValidationError

from challenges.field_errors import in_words
from challenges.kinds.tune import KIND, Hyperparameters
from challenges.kinds.tune_keys import tune
from challenges.spec import Challenge
from challenges.training_methods import INTERVALS, LORA, METHODS, Method
from gradus.submissions.services import Refused

NUMBER = re.compile(r"[+-]?[0-9.]{1,30}([eE][+-]?[0-9]{1,3})?")
DEFAULTS: dict[str, Any] = {
    "r": 8,
    "lora_alpha": 16,
    "learning_rate": 0.001,
    "num_train_epochs": 3,
    "per_device_train_batch_size": 16,
}
LABELS: dict[str, Promise] = {
    "r": gettext_lazy("Rank"),
    "lora_alpha": gettext_lazy("Scaling"),
    "learning_rate": gettext_lazy("Learning rate"),
    "num_train_epochs": gettext_lazy("Epochs"),
    "per_device_train_batch_size": gettext_lazy("Batch size"),
    "beta": gettext_lazy("Beta"),
    "rpo_alpha": gettext_lazy("Weight of imitation"),
}
WHOLE = ("r", "lora_alpha", "num_train_epochs", "per_device_train_batch_size")


@dataclass(frozen=True)
class Knob:
    """What may be chosen: one of `choices`, or a number from `low` to `high`."""

    choices: tuple[str, ...] = ()
    low: str = ""
    high: str = ""


def method_of(name: str) -> Method:
    """The method of that name; LoRA where there is none, which a submit refuses."""
    return cast(Method, name) if name in METHODS else LORA


def choices(spec: Challenge, method: Method) -> list[tuple[str, Promise, Knob]]:
    """Name, label and range of each hyperparameter that a learner may set."""
    found = []
    for name, allowed in tune(spec).knobs.of(method).items():
        if name == "num_train_epochs":
            knob = Knob(choices=tuple(str(n) for n in range(allowed[0], allowed[1] + 1)))
        elif name in INTERVALS:
            knob = Knob(low=shown(allowed[0]), high=shown(allowed[1]))
        else:
            knob = Knob(choices=tuple(shown(value) for value in allowed))
        found.append((name, LABELS[name], knob))
    return found


def defaults(method: Method) -> dict[str, Any]:
    return {name: value for name, value in DEFAULTS.items() if name in METHODS[method].settings} | {
        **METHODS[method].starts
    }


def starting(spec: Challenge, method: Method) -> dict[str, Any]:
    """The defaults, moved into the challenge's knobs."""
    found = {}
    for name, allowed in tune(spec).knobs.of(method).items():
        default = defaults(method)[name]
        if name in INTERVALS:
            found[name] = min(max(default, allowed[0]), allowed[1])
        else:
            found[name] = default if default in allowed else allowed[-1]
    return found


def numbers(spec: Challenge, method: str, texts: Mapping[str, str]) -> dict[str, Any]:
    """Raises `Refused` for what is not a number, or could not be one in any challenge, and says what this one allows.

    Whether the challenge allows the others is checked later.
    """
    found: dict[str, Any] = {}
    problems = []
    for name, text in texts.items():
        try:
            found[name] = number(text, whole=name in WHOLE)
        except ValueError:
            said = _("“%(text)s” is not a number.") % {"text": text[:20]} if text.strip() else _("Choose a value.")
            problems.append({"field": f"hyperparameters.{name}", "message": said})
    try:
        Hyperparameters.model_validate(found)
    except ValidationError as error:
        for item in error.errors():
            field = f"hyperparameters.{item['loc'][0]}"
            problems.append({"field": field, "message": KIND.limit(spec, {"method": method}, field) or in_words(item)})
    if problems:
        raise Refused("bad_payload", _("Some hyperparameters need a correction."), problems=problems)
    return found


def number(text: str, *, whole: bool) -> float:
    """As people write it. Python takes more: digits of other scripts, `1_000`, names of numbers that are none.

    Raises:
        ValueError: it is none.
    """
    if not NUMBER.fullmatch(text.strip()):
        raise ValueError
    return int(text) if whole else float(text)


def shown(value: Any) -> str:
    """A number without an exponent: 0.00001 and not 1e-05."""
    return format(Decimal(f"{value:g}"), "f") if isinstance(value, float) else str(value)
