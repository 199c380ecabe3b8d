"""The form of what pages read of the events that workers write. An event of another form is left out."""

from collections.abc import Iterator
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

Form = TypeVar("Form", bound="EventData")


class EventData(BaseModel):
    model_config = ConfigDict(strict=True)


class Loss(EventData):
    step: int
    train_loss: float
    valid_loss: float | None = None


class Preference(EventData):
    """Further figures of one step of training on preferences."""

    step: int
    margin: float
    accuracy: float
    valid_margin: float | None = None
    valid_accuracy: float | None = None


class Checkpoint(EventData):
    step: int


class Written(EventData):
    """The tokens that a model has written so far, as texts."""

    stage: str
    tokens: list[str]


def read(form: type[Form], data: object) -> Iterator[Form]:
    """Yields the data in this form, or nothing if it has another one."""
    try:
        yield form.model_validate(data)
    except ValidationError:
        return
