"""The hyperparameters of a training run's form: names, what may be chosen, where they start, and reading them."""

from collections.abc import Mapping
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
from gradus.learn.kinds.fields import ChoiceField, Field, NumberField, read_numbers, shown
from gradus.submissions.services import Refused

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
# Whole numbers, which are chosen from a list.
LISTED = ("r", "lora_alpha", "num_train_epochs", "per_device_train_batch_size")


def method_of(name: str) -> Method:
    """The method of that name; LoRA where there is none, which a submit refuses."""
    return cast(Method, name) if name in METHODS else LORA


def settings(spec: Challenge, method: Method, values: Mapping[str, str]) -> list[Field]:
    """The field of each hyperparameter that a learner may set: a list, or a number between limits."""
    fields: list[Field] = []
    for name, allowed in tune(spec).knobs.of(method).items():
        title, value = LABELS[name], values.get(name, "")
        if name in LISTED:
            listed = range(allowed[0], allowed[1] + 1) if name in INTERVALS else allowed
            choices = [(shown(one), shown(one)) for one in listed]
            fields.append(ChoiceField(name=name, title=title, value=value, choices=choices, shows_name=True))
        else:
            low, high = map(shown, allowed)
            fields.append(NumberField(name=name, title=title, value=value, low=low, high=high, shows_name=True))
    return fields


def defaults(method: Method) -> dict[str, Any]:
    return {name: value for name, value in DEFAULTS.items() if name in METHODS[method].settings} | {
        **METHODS[method].starts
    }


def starting(spec: Challenge, method: Method) -> dict[str, Any]:
    """The author's `starts`; the other settings at their defaults, moved into the challenge's knobs."""
    section = tune(spec)
    starts: dict[str, Any] = section.starts_of(method)
    for name, allowed in section.knobs.of(method).items():
        default = defaults(method)[name]
        if name in starts:
            continue
        if name in INTERVALS:
            starts[name] = min(max(default, allowed[0]), allowed[1])
        else:
            starts[name] = default if default in allowed else allowed[-1]
    return starts


def numbers(spec: Challenge, method: str, texts: Mapping[str, str]) -> dict[str, Any]:
    """Raises `Refused` for what is not a number, or could not be one in any challenge, and says what this one allows.

    Whether the challenge allows the others is checked later.
    """
    values, problems = read_numbers(texts, whole=LISTED, listed=LISTED, within="hyperparameters.")
    try:
        Hyperparameters.model_validate(values)
    except ValidationError as error:
        for item in error.errors():
            field = f"hyperparameters.{item['loc'][0]}"
            problems.append({"field": field, "message": KIND.limit(spec, {"method": method}, field) or in_words(item)})
    if problems:
        raise Refused("bad_payload", _("Some hyperparameters need a correction."), problems=problems)
    return values
