"""What the page of a chat shows of each message: the two answers, finished or as far as they are written."""

import json
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from challenges.lesson.demo import Meter
from gradus.chats.faults import fault_of
from gradus.chats.models import ChatMessage
from gradus.submissions.delays import Delay, delay_of
from gradus.submissions.event_data import Written, read
from gradus.submissions.models import Evaluation, Event
from gradus.submissions.queue import expected_wait, queue_position

# As the graders name the answers; graders cannot be imported here.
TITLES: dict[str, str | Promise] = {"base": gettext_lazy("Base model"), "trained": gettext_lazy("Your trained model")}
METERS = 5


@dataclass(frozen=True)
class Token:
    """A token as it is drawn. `rivals` is JSON: what else was likely here, with its probabilities."""

    text: str
    share: float | None = None
    rivals: str = ""


@dataclass(frozen=True)
class Pane:
    """One of the two answers. `meters` are probabilities of labels, for answers that are not written but scored."""

    stage: str
    title: str
    tokens: tuple[Token, ...]
    is_done: bool = False
    text: str = ""
    meters: tuple[Meter, ...] = ()
    prompt_tokens: float | None = None
    new_tokens: float | None = None
    ms: float | None = None

    @property
    def seconds(self) -> float:
        return (self.ms or 0.0) / 1000


@dataclass(frozen=True)
class Turn:
    """A message with what came of it. `problem` says why there is no answer."""

    message: ChatMessage
    evaluation: Evaluation
    panes: tuple[Pane, ...]
    prompt: str = ""
    problem: str = ""
    position: int | None = None
    wait: int | None = None
    delay: Delay | None = None


def turn(message: ChatMessage) -> Turn:
    evaluation = message.run.current
    if evaluation.is_open:
        position, delay = queue_position(evaluation), delay_of(evaluation)
        wait = expected_wait(evaluation) if position and not delay else None
        return Turn(message, evaluation, _so_far(evaluation), position=position, wait=wait, delay=delay)
    answered = (evaluation.result or {}).get("chat")
    if not answered:
        return Turn(message, evaluation, (), problem=fault_of(evaluation))
    panes = tuple(_pane(stage, answered["answers"][stage]) for stage in TITLES)
    return Turn(message, evaluation, panes, prompt=answered["prompt"])


def _so_far(evaluation: Evaluation) -> tuple[Pane, ...]:
    """As far as the newest events say."""
    events = Event.objects.filter(evaluation=evaluation, type="written").order_by("seq")
    written = {
        part.stage: part.tokens for data in events.values_list("data", flat=True) for part in read(Written, data)
    }
    return tuple(
        Pane(stage, str(title), tuple(Token(drawn(text)) for text in written.get(stage, ()) if text))
        for stage, title in TITLES.items()
    )


def _pane(stage: str, answer: dict[str, Any]) -> Pane:
    shares = sorted(answer["probabilities"].items(), key=lambda pair: -pair[1])
    figures = {name: answer[name] for name in ("text", "prompt_tokens", "new_tokens", "ms")}
    return Pane(
        stage,
        str(TITLES[stage]),
        tuple(_token(*one) for one in answer.get("tokens", ()) if one[0]),
        is_done=True,
        meters=tuple(Meter(label, share) for label, share in shares[:METERS]),
        **figures,
    )


def _token(text: str, share: float, rivals: list[list[Any]]) -> Token:
    named = [[drawn(rival) or _("(end of the answer)"), f"{likely:.2f}"] for rival, likely in rivals]
    return Token(drawn(text), share, json.dumps(named, ensure_ascii=False))


def drawn(text: str) -> str:
    """With a sign for each end of a line, as everywhere where tokens are drawn."""
    return text.replace("\n", "↵")
