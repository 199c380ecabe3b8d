"""The page of the kind `free_text`: one answer in prose."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from challenges.field_checks import FieldProblem
from challenges.kinds.rubric import free_text
from challenges.shown_score import WORDS
from challenges.spec import Challenge
from challenges.translation import translated
from gradus.accounts.guests import learner
from gradus.accounts.models import User
from gradus.learn.form_problems import FormFields, as_refusal
from gradus.learn.kind_pages import Draft, KindPage, with_line_feeds
from gradus.learn.kinds.fields import TextField
from gradus.reviews.evidence import pieces
from gradus.submissions import own_runs
from gradus.submissions.models import Evaluation


@dataclass(frozen=True)
class FreeTextDraft(Draft):
    """`picked` are the rows that were chosen, each as "RUN ROW", and `own_run` is what the payload says of them."""

    answer: str = ""
    picked: tuple[str, ...] = ()
    own_run: Mapping[str, Any] | None = None

    @property
    def picked_run(self) -> str:
        """The id of the run that the first chosen row is from, or ""."""
        return self.picked[0].partition(" ")[0] if self.picked else ""

    @property
    def words(self) -> int:
        return len(self.answer.split())


class FreeTextPage(KindPage):
    def form(self, kind: str, spec: Challenge, payload: Mapping[str, Any] | None) -> FreeTextDraft:
        given = payload or {}
        quoted = given.get("own_run") or {"run": "", "rows": []}
        picked = tuple(f"{quoted['run']} {row['id']}" for row in quoted["rows"])
        return FreeTextDraft(kind, answer=given.get("answer", ""), picked=picked)

    def posted(self, kind: str, spec: Challenge, request: HttpRequest) -> FreeTextDraft:
        answer, picked = with_line_feeds(request.POST.get("answer", "")), tuple(request.POST.getlist("own_run"))
        quoted = _quoted(learner(request), picked) if picked else None
        return FreeTextDraft(kind, answer=answer, picked=picked, own_run=quoted)

    def payload(self, spec: Challenge, draft: FreeTextDraft) -> dict[str, Any]:
        if len({one.partition(" ")[0] for one in draft.picked}) > 1:
            raise as_refusal([FieldProblem("own_run", "own_run", _("Choose all rows from one run."))])
        return {"kind": draft.kind, "answer": draft.answer} | ({"own_run": draft.own_run} if draft.own_run else {})

    def fields(self, spec: Challenge, draft: FreeTextDraft) -> FormFields:
        return FormFields(names={"answer": _("Answer"), "own_run": _("Rows of your own run")})

    def context(self, spec: Challenge, draft: FreeTextDraft) -> dict[str, Any]:
        asked = free_text(spec)
        help = _("Write between %(least)s and %(most)s words. Plain prose is enough.")
        field = TextField(
            name="answer",
            title=_("Your answer"),
            value=draft.answer,
            help=help % {"least": asked.words[0], "most": asked.words[1]},
            rows=12,
            most=spec.limits.answer_chars,
            counter="words",
            data={"words": "#words"},
        )
        return {"asked": asked, "form": {"answer": field}}

    def result(self, evaluation: Evaluation) -> dict[str, Any]:
        """The answer, cut at the words that the marks rest on, and its points of all points."""
        owner, marks = evaluation.submission or evaluation.run, (evaluation.result or {}).get("marks", [])
        assert owner is not None
        return {
            "answer": pieces(owner.payload.get("answer", ""), [quote for mark in marks for quote in mark["evidence"]]),
            "points": sum(mark["points"] for mark in marks),
            "points_max": sum(mark["points_max"] for mark in marks),
            "quoted": (owner.payload.get("own_run") or {}).get("rows", []),
        }

    def describe(self, payload: Mapping[str, Any]) -> dict[str, str]:
        rows = (payload.get("own_run") or {}).get("rows", [])
        told = "\n".join(f"{row['input']} → {row['answer']} ({translated(WORDS[row['mark']])})" for row in rows)
        return {_("Answer"): payload.get("answer", "")} | ({_("Rows of your own run"): told} if rows else {})


def _quoted(user: User | None, picked: Sequence[str]) -> dict[str, Any]:
    """What a payload says of rows that were chosen in the form; without rows where the run is not there any more."""
    run = picked[0].partition(" ")[0]
    own = own_runs.named(user, run)
    ids = [row for one, _space, row in (text.partition(" ") for text in picked) if one == run]
    return own.quote(ids) if own else {"run": "", "digest": "", "rows": []}


PAGE = FreeTextPage()
