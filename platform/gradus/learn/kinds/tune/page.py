"""The page of the kind `tune`: training rows, instructions and hyperparameters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest
from django.urls import URLPattern
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from challenges.files.rows import row_lines
from challenges.kinds.tune_keys import tune
from challenges.spec import Challenge
from challenges.training_methods import LORA, METHODS, Method
from challenges.translation import translated
from gradus.accounts.guests import learner
from gradus.accounts.models import User
from gradus.courses.models import ChallengeVersion
from gradus.learn.form_problems import FormFields
from gradus.learn.kind_pages import Draft, KindPage, labels_of
from gradus.learn.kinds.fields import TextField, instructions_field, shown
from gradus.learn.kinds.jsonl import json_lines
from gradus.learn.kinds.tune import knobs, views
from gradus.learn.kinds.tune.draft import TuneDraft, posted, put_in, train_rows, with_method
from gradus.learn.kinds.tune.loss import loss_curve, loss_title
from gradus.learn.kinds.tune.stall import Stall, stall_of
from gradus.preferences.services import rows_of
from gradus.submissions.event_data import Preference, read
from gradus.submissions.models import Evaluation, Run
from gradus.submissions.services import unavailable
from gradus.submissions.states import State

INSTRUCTIONS_HELP = gettext_lazy(
    "Your instructions stand before every row, in training and in the test, so each of their tokens counts every time. "
    "Most adapters need no instructions."
)


class TunePage(KindPage):
    def form(self, kind: str, spec: Challenge, payload: Mapping[str, Any] | None) -> TuneDraft:
        if payload is None:
            return with_method(TuneDraft(kind, instructions=spec.prompt.instructions), spec, _first(kind, spec))
        method, settings = _settings(payload)
        return TuneDraft(
            kind,
            method=method,
            instructions=payload.get("instructions", ""),
            rows=json_lines(payload.get("rows", [])),
            hyperparameters=settings,
        )

    def posted(self, kind: str, spec: Challenge, request: HttpRequest) -> TuneDraft:
        return posted(kind, spec, request)

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
            "form": {
                "instructions": instructions_field(
                    spec,
                    draft.instructions,
                    help=INSTRUCTIONS_HELP,
                    rows=3,
                    is_title_hidden=True,
                ),
                "rows": TextField(
                    name="rows",
                    title=_("Training rows, as JSON Lines"),
                    value=draft.rows,
                    rows=12,
                    is_code=True,
                    editor="jsonl",
                ),
                "settings": knobs.settings(spec, knobs.method_of(draft.method), draft.hyperparameters),
            },
            "tune": section,
            "methods": methods,
            "row_labels": () if section.rows == "preferences" else labels_of(spec),
        }

    def opened(self, request: HttpRequest, version: ChallengeVersion, draft: TuneDraft) -> tuple[Draft, dict[str, Any]]:
        """`?rows=starter` puts the author's starter rows into the form, and `?rows=choices` the learner's choices."""
        asked, rows = request.GET.get("rows"), list[dict[str, Any]]()
        stalled = {"stall": _stalled(learner(request), version, draft)}
        if asked == "starter":
            rows = version.train
        elif asked == "choices":
            rows = rows_of(learner(request), version.challenge)
        if not rows:
            return draft, stalled
        filled, cost = put_in(version.parsed, rows, draft)
        return filled, {"starter": {"cost": cost, "own": asked == "choices"}, **stalled}

    def urls(self) -> Sequence[URLPattern]:
        return views.urlpatterns

    def describe(self, payload: Mapping[str, Any]) -> dict[str, str]:
        texts = {_("Instructions"): payload["instructions"]} if payload.get("instructions") else {}
        texts[_("Training rows")] = "\n".join(" → ".join(_told(row)) for row in payload.get("rows", []))
        method, chosen = knobs.method_of(payload.get("method", "")), payload.get("hyperparameters", {})
        texts |= {} if method == LORA else {_("Training method"): translated(METHODS[method].title)}
        settings = (name for name in METHODS[method].settings if name in chosen)
        return texts | {str(knobs.LABELS[name]): shown(chosen[name]) for name in settings}

    def own_inputs(self, payload: Mapping[str, Any]) -> frozenset[str]:
        return frozenset(_told(row)[0] for row in payload.get("rows", []))

    def result(self, evaluation: Evaluation) -> dict[str, Any]:
        curve = loss_curve(evaluation)
        preferences = preference_course(evaluation) if curve else None
        title = loss_title(curve) if curve else ""
        stall = _stall(evaluation, curve) if curve and evaluation.state == State.SCORED else None
        return {"curve": curve, "curve_title": title, "preferences": preferences, "stall": stall}


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


def _stall(evaluation: Evaluation, curve: Mapping[str, Any]) -> Stall | None:
    owner = evaluation.submission or evaluation.run
    return stall_of(evaluation.version.parsed, owner.payload, curve["points"]) if owner is not None else None


def _stalled(user: User | None, version: ChallengeVersion, draft: TuneDraft) -> Stall | None:
    """What kept the learner's newest trial from learning, if it had the settings that stand in the form."""
    ended = {"version": version, "kind": draft.kind, "evaluations__state": State.SCORED}
    newest = Run.objects.trials_of(user, version.challenge).filter(**ended).first() if user else None
    if newest is None or _settings(newest.payload) != (draft.method, dict(draft.hyperparameters)):
        return None
    curve = loss_curve(newest.current)
    return _stall(newest.current, curve) if curve else None


def _settings(payload: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """The method of a payload and its settings, as the form writes them."""
    method, chosen = knobs.method_of(payload.get("method", "")), payload.get("hyperparameters", {})
    return method, {name: shown(chosen.get(name, start)) for name, start in knobs.defaults(method).items()}


def _told(row: Mapping[str, str]) -> tuple[str, str]:
    """A row's input, and what the model learns to write after it, beside what it learns to avoid."""
    if "rejected" in row:
        return row["prompt"], _("%(chosen)s (not: %(rejected)s)") % row
    return row["input"], row["output"]


def preference_course(evaluation: Evaluation) -> dict[str, Any] | None:
    """The points of all steps, and the titles of both charts; None for runs of other methods."""
    points: list[dict[str, Any]] = []
    for kind, data in evaluation.events.filter(type__in=["loss", "started"]).values_list("type", "data"):
        if kind == "started":
            points = []
        else:
            points += [preference.model_dump() for preference in read(Preference, data)]
    if not points:
        return None
    return {"points": points, "title": _title(points), "margin_title": _margin_title(points)}


def _title(points: list[dict[str, Any]]) -> str:
    """A chart's title states its finding."""
    held = [point for point in points if point["valid_accuracy"] is not None]
    if not held:
        return _("In the end the model shared your preference in %(share)s of the trained rows") % {
            "share": f"{points[-1]['accuracy']:.0%}"
        }
    share = f"{held[-1]['valid_accuracy']:.0%}"
    return _("In the end the model shared your preference in %(share)s of the held-out rows") % {"share": share}


def _margin_title(points: list[dict[str, Any]]) -> str:
    ends = {"first": f"{points[0]['margin']:.2f}", "last": f"{points[-1]['margin']:.2f}"}
    return _("The margin went from %(first)s to %(last)s") % ends


PAGE = TunePage()
