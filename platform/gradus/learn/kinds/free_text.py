"""The page of the kind `free_text`: one answer in prose."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from challenges.kinds.rubric import free_text
from challenges.spec import Challenge
from gradus.learn.form_problems import FormFields
from gradus.learn.kind_pages import Draft, KindPage, with_line_feeds
from gradus.learn.kinds.fields import TextField
from gradus.reviews.evidence import pieces
from gradus.submissions.models import Evaluation


@dataclass(frozen=True)
class FreeTextDraft(Draft):
    answer: str = ""

    @property
    def words(self) -> int:
        return len(self.answer.split())


class FreeTextPage(KindPage):
    def form(self, kind: str, spec: Challenge, payload: Mapping[str, Any] | None) -> FreeTextDraft:
        return FreeTextDraft(kind, answer=(payload or {}).get("answer", ""))

    def posted(self, kind: str, spec: Challenge, request: HttpRequest) -> FreeTextDraft:
        return FreeTextDraft(kind, answer=with_line_feeds(request.POST.get("answer", "")))

    def payload(self, spec: Challenge, draft: FreeTextDraft) -> dict[str, Any]:
        return {"kind": draft.kind, "answer": draft.answer}

    def fields(self, spec: Challenge, draft: FreeTextDraft) -> FormFields:
        return FormFields(names={"answer": _("Answer")})

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
        }

    def describe(self, payload: Mapping[str, Any]) -> dict[str, str]:
        return {_("Answer"): payload.get("answer", "")}


PAGE = FreeTextPage()
