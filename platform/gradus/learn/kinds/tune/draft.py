"""What a learner has written into the form of the kind `tune`, and the rows that are put into it.

These are the author's starter rows, or the learner's own choices: what they cost there, and with how many epochs they
fit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from challenges.bundle import training_rows
from challenges.files.rows import read_train
from challenges.kinds.tune import UPLOAD_BYTES, Hyperparameters, texts, training_steps
from challenges.kinds.tune_keys import held_out, tune
from challenges.models.token_counts import row_tokens
from challenges.rows import AnyRow
from challenges.spec import Challenge
from challenges.training_methods import LORA, METHODS, Method
from gradus.learn import form_problems
from gradus.learn.kind_pages import Draft, with_line_feeds
from gradus.learn.kinds.fields import shown
from gradus.learn.kinds.jsonl import json_lines
from gradus.learn.kinds.tune import knobs
from gradus.submissions.services import Refused
from gradus.submissions.services.payload import counter

EPOCHS = "num_train_epochs"
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class TuneDraft(Draft):
    """`method` is what was chosen, perhaps none that there is, and `hyperparameters` are its settings.

    `data` are the training rows as they arrived; in `rows`, bytes that are not UTF-8 are shown as such.
    """

    method: str = LORA
    instructions: str = ""
    rows: str = ""
    data: bytes = b""
    hyperparameters: Mapping[str, str] = field(default_factory=dict)


def posted(kind: str, spec: Challenge, request: HttpRequest) -> TuneDraft:
    """What was posted, as it was typed."""
    data = _rows_bytes(request)
    method = request.POST.get("method", tune(spec).methods[0])
    return TuneDraft(
        kind,
        method=method,
        instructions=with_line_feeds(request.POST.get("instructions", "")),
        rows=data.decode(errors="replace"),
        data=data,
        hyperparameters={name: request.POST.get(name, "") for name in METHODS[knobs.method_of(method)].settings},
    )


def _rows_bytes(request: HttpRequest) -> bytes:
    """The training rows of a POST, to be read once: a chosen file replaces what was typed."""
    upload = request.FILES.get("rows_file")
    if upload is not None:
        # One byte more than is accepted, so that the reader names the fault and a huge file costs no memory.
        data: bytes = upload.read(UPLOAD_BYTES + 1)
        return data
    return with_line_feeds(request.POST.get("rows", "")).encode(errors="surrogatepass")


def with_method(draft: TuneDraft, spec: Challenge, method: Method) -> TuneDraft:
    """The form with another method, whose settings stand where they start."""
    start = {name: shown(value) for name, value in knobs.starting(spec, method).items()}
    return replace(draft, method=method, hyperparameters=start)


def train_rows(data: bytes) -> list[AnyRow]:
    """Raises `Refused` where a line cannot be read."""
    rows, unread = read_train(data)
    if unread:
        listed = [form_problems.of_row(problem) for problem in unread]
        raise Refused("bad_rows", _("Some training rows cannot be read."), problems=listed)
    return rows


@dataclass(frozen=True)
class Cost:
    """What training on the rows takes. `most` is the number of epochs that fits at most, `asked` the choice."""

    rows: int
    epochs: int
    asked: int
    most: int
    tokens: int
    tokens_max: int

    @property
    def lowered(self) -> bool:
        return self.epochs < self.asked

    @property
    def fits(self) -> bool:
        return self.epochs <= self.most


def would_overwrite(rows: Rows, draft: TuneDraft) -> int:
    """How many lines of the learner's own the rows would take the place of."""
    if draft.rows.strip() == json_lines(rows).strip():
        return 0
    return sum(bool(line.strip()) for line in draft.rows.splitlines())


def before(draft: TuneDraft, request: HttpRequest) -> TuneDraft:
    """The form with the rows and epochs that others took the place of."""
    epochs = request.POST.get("epochs_before", draft.hyperparameters.get(EPOCHS, ""))
    return replace(
        draft,
        rows=with_line_feeds(request.POST.get("rows_before", draft.rows)),
        hyperparameters={**draft.hyperparameters, EPOCHS: epochs},
    )


def put_in(spec: Challenge, rows: Rows, draft: TuneDraft) -> tuple[TuneDraft, Cost]:
    """The rows in `draft`, with as many of the chosen epochs as the challenge's limits allow (at least one)."""
    chosen = _chosen(spec, draft)
    cost = _cost(spec, rows, draft.instructions, chosen, knobs.method_of(draft.method))
    epochs, text = {**draft.hyperparameters, EPOCHS: shown(cost.epochs)}, json_lines(rows)
    return replace(draft, rows=text, data=text.encode(), hyperparameters=epochs), cost


def _chosen(spec: Challenge, draft: TuneDraft) -> dict[str, Any]:
    """The form's hyperparameters; the author's where one of them is not a number, which Run and Submit will say."""
    try:
        return knobs.numbers(spec, draft.method, draft.hyperparameters)
    except Refused:
        return knobs.starting(spec, knobs.method_of(draft.method))


def _cost(spec: Challenge, train: Rows, instructions: str, chosen: Mapping[str, Any], method: Method) -> Cost:
    section, rows = tune(spec), training_rows(list(train))
    # Instructions that are too long are refused in any case, and are not worth the time to count them.
    shared = instructions if len(instructions) <= spec.limits.instructions_chars else ""
    tokens = sum(row_tokens(spec, counter(spec), shared, texts(method, rows)))
    trained, _ = held_out(section, method, rows)
    steps = training_steps(len(trained), Hyperparameters(**{**chosen, EPOCHS: 1}))
    most = min(section.tokens_max // max(tokens, 1), section.steps_max // max(steps, 1))
    least, highest = section.knobs.of(method)[EPOCHS]
    asked = min(chosen[EPOCHS], highest)
    epochs = max(least, min(asked, most))
    return Cost(len(rows), epochs, asked, most, tokens * epochs, section.tokens_max)
