"""The page of the kind `free_text`: one answer in prose."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from challenges.kinds.rubric import free_text
from challenges.spec import Challenge
from gradus.learn.form_problems import FormFields
from gradus.learn.kinds.base import Draft, KindPage, with_line_feeds


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
        return FormFields(names={"answer": "Answer"})

    def context(self, spec: Challenge, draft: FreeTextDraft) -> dict[str, Any]:
        return {"asked": free_text(spec)}

    def describe(self, payload: Mapping[str, Any]) -> dict[str, str]:
        return {"Answer": payload.get("answer", "")}


PAGE = FreeTextPage()
