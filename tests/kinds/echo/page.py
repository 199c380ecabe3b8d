"""The page of `echo`: the generic form, a description of its own, and a page that only this kind has."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path

from gradus.learn.access import own_submission
from gradus.learn.kinds.generic import GenericPage


def said(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """What the pattern of one's own attempt says to each public row, one on a line."""
    submission = own_submission(request, uuid)
    if submission.kind != "echo":
        raise Http404
    pattern = submission.payload["pattern"]
    lines = [pattern.replace("{input}", sample.input) for sample in submission.version.samples]
    return HttpResponse("\n".join(lines), content_type="text/plain; charset=utf-8")


class EchoPage(GenericPage):
    def urls(self) -> Sequence[URLPattern]:
        return [path("submissions/<uuid:uuid>/said", said, name="said")]

    def describe(self, payload: Mapping[str, Any]) -> dict[str, str]:
        return {"What is said to each row": payload["pattern"], "How often": str(payload["times"])}


PAGE = EchoPage()
