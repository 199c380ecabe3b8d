"""The page of the kind `tune`: training rows, instructions and hyperparameters."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from challenges.files.rows import read_train, row_lines
from challenges.kinds.tune import UPLOAD_BYTES, tune
from challenges.spec import AnyRow, Challenge
from challenges.training_methods import LORA, METHODS, Method
from challenges.translation import translated
from gradus.accounts.guests import learner
from gradus.courses.models import ChallengeVersion
from gradus.learn import form_problems
from gradus.learn.form_problems import FormFields
from gradus.learn.kinds.base import Draft, KindPage, labels_of, with_line_feeds
from gradus.learn.kinds.tune import knobs
from gradus.learn.kinds.tune.draft import TuneDraft
from gradus.learn.kinds.tune.preference_course import preference_course
from gradus.learn.kinds.tune.starter import put_in
from gradus.learn.kinds.tune.training_rows import json_lines
from gradus.learn.result import rows as results
from gradus.preferences.pairs import rows_of
from gradus.submissions.models import Evaluation
from gradus.submissions.services import Refused, unavailable


class TunePage(KindPage):
    def form(self, kind: str, spec: Challenge, payload: Mapping[str, Any] | None) -> TuneDraft:
        if payload is None:
            return with_method(TuneDraft(kind, instructions=spec.prompt.instructions), spec, _first(kind, spec))
        chosen, method = payload.get("hyperparameters", {}), knobs.method_of(payload.get("method", ""))
        return TuneDraft(
            kind,
            method=method,
            instructions=payload.get("instructions", ""),
            rows=json_lines(payload.get("rows", [])),
            hyperparameters={
                name: knobs.shown(chosen.get(name, start)) for name, start in knobs.defaults(method).items()
            },
        )

    def posted(self, kind: str, spec: Challenge, request: HttpRequest) -> TuneDraft:
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

    def payload(self, spec: Challenge, draft: TuneDraft) -> dict[str, Any]:
        rows = train_rows(draft.data)
        return {
            "kind": draft.kind,
            "method": draft.method,
            "instructions": draft.instructions,
            "rows": [row.model_dump() for row in rows],
            "hyperparameters": knobs.numbers(spec, draft.method, draft.hyperparameters),
        }

    def fields(self, spec: Challenge, draft: TuneDraft) -> FormFields:
        return TuneFields(lines=tuple(number for number, _ in row_lines(draft.data)))

    def context(self, spec: Challenge, draft: TuneDraft) -> dict[str, Any]:
        section, lacking = tune(spec), unavailable(spec, draft.kind)
        methods = [(name, translated(METHODS[name].title), lacking.get(name, "")) for name in section.methods]
        return {
            "knobs": knobs.choices(spec, knobs.method_of(draft.method)),
            "tune": section,
            "methods": methods,
            "row_labels": () if section.rows == "preferences" else labels_of(spec),
        }

    def opened(self, request: HttpRequest, version: ChallengeVersion, draft: TuneDraft) -> tuple[Draft, dict[str, Any]]:
        """`?rows=starter` puts the author's starter rows into the form, and `?rows=choices` the learner's choices."""
        asked, rows = request.GET.get("rows"), list[dict[str, Any]]()
        if asked == "starter":
            rows = version.train
        elif asked == "choices":
            rows = rows_of(learner(request), version.challenge)
        if not rows:
            return draft, {}
        filled, cost = put_in(version.parsed, rows, draft)
        return filled, {"starter": {"cost": cost, "own": asked == "choices"}}

    def describe(self, payload: Mapping[str, Any]) -> dict[str, str]:
        found = {_("Instructions"): payload["instructions"]} if payload.get("instructions") else {}
        found[_("Training rows")] = "\n".join(" → ".join(_told(row)) for row in payload.get("rows", []))
        method, chosen = knobs.method_of(payload.get("method", "")), payload.get("hyperparameters", {})
        found |= {} if method == LORA else {_("Training method"): translated(METHODS[method].title)}
        settings = (name for name in METHODS[method].settings if name in chosen)
        return found | {str(knobs.LABELS[name]): knobs.shown(chosen[name]) for name in settings}

    def own_inputs(self, payload: Mapping[str, Any]) -> frozenset[str]:
        return frozenset(_told(row)[0] for row in payload.get("rows", []))

    def result(self, evaluation: Evaluation) -> dict[str, Any]:
        curve = results.loss_curve(evaluation)
        preferences = preference_course(evaluation) if curve else None
        title = results.loss_title(curve) if curve else ""
        return {"curve": curve, "curve_title": title, "preferences": preferences}


@dataclass(frozen=True)
class TuneFields(FormFields):
    names: Mapping[str, str | Promise] = field(
        default_factory=lambda: {
            "instructions": gettext_lazy("Instructions"),
            "method": gettext_lazy("Training method"),
            "rows": gettext_lazy("Training rows"),
            "rows_file": gettext_lazy("Training rows"),
            "hyperparameters": gettext_lazy("Hyperparameters"),
        }
    )
    controls: Mapping[str, str] = field(
        default_factory=lambda: {"rows_file": "rows", "hyperparameters": "num_train_epochs"}
    )

    def name(self, item: Mapping[str, Any]) -> str:
        head, _, rest = str(item.get("field", "")).partition(".")
        return str(knobs.LABELS.get(rest, rest)) if rest and head == "hyperparameters" else super().name(item)

    def control(self, item: Mapping[str, Any]) -> str:
        head, _, rest = str(item.get("field", "")).partition(".")
        return rest if rest and head == "hyperparameters" else super().control(item)


def _first(kind: str, spec: Challenge) -> Method:
    """The first of the challenge's methods that a worker has; the first of all where none has any."""
    methods = tune(spec).methods
    lacking = unavailable(spec, kind) if len(methods) > 1 else {}
    return next((name for name in methods if name not in lacking), methods[0])


def with_method(draft: TuneDraft, spec: Challenge, method: Method) -> TuneDraft:
    """The form with another method, whose settings stand where they start."""
    start = {name: knobs.shown(value) for name, value in knobs.starting(spec, method).items()}
    return replace(draft, method=method, hyperparameters=start)


def _told(row: Mapping[str, str]) -> tuple[str, str]:
    """A row's input, and what the model learns to write after it, beside what it learns to avoid."""
    if "rejected" in row:
        return row["prompt"], _("%(chosen)s (not: %(rejected)s)") % row
    return row["input"], row["output"]


def _rows_bytes(request: HttpRequest) -> bytes:
    """The training rows of a POST, to be read once: a chosen file replaces what was typed."""
    upload = request.FILES.get("rows_file")
    if upload is not None:
        # One byte more than is accepted, so that the reader names the fault and a huge file costs no memory.
        data: bytes = upload.read(UPLOAD_BYTES + 1)
        return data
    return with_line_feeds(request.POST.get("rows", "")).encode(errors="surrogatepass")


def train_rows(data: bytes) -> list[AnyRow]:
    """Raises `Refused` where a line cannot be read."""
    rows, unread = read_train(data)
    if unread:
        listed = [form_problems.of_row(problem) for problem in unread]
        raise Refused("bad_rows", _("Some training rows cannot be read."), problems=listed)
    return rows


PAGE = TunePage()
