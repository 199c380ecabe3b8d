"""What a page of each kind does for its form, its payloads and its results, and the registry that finds it by name.

A kind without an entry here, or in the entry-point group `gradus.pages`, gets the generic page.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from django.http import HttpRequest
from django.urls import URLPattern

from challenges.registry import kind_names, load, registered
from challenges.spec import Challenge, Label
from gradus.courses.models import ChallengeVersion
from gradus.learn.form_problems import FormFields
from gradus.submissions.models import Evaluation

PAGES = {
    "prompt": "gradus.learn.kinds.prompt:PAGE",
    "tune": "gradus.learn.kinds.tune.page:PAGE",
    "free_text": "gradus.learn.kinds.free_text:PAGE",
    "rag": "gradus.learn.kinds.rag.page:PAGE",
    "evaluate": "gradus.learn.kinds.evaluate:PAGE",
}
GENERIC = "gradus.learn.kinds.generic:PAGE"


@dataclass(frozen=True)
class Draft:
    """What a form holds, as it was typed. Each kind's page has a subclass with the fields of its form.

    The same `key` makes a repeated POST of one rendered form the same submission.
    """

    kind: str
    key: str = field(default_factory=lambda: str(uuid4()), kw_only=True)


class KindPage(ABC):
    """The page of one kind. A subclass has one instance, `PAGE`, which the registry names."""

    @abstractmethod
    def form(self, kind: str, spec: Challenge, payload: Mapping[str, Any] | None) -> Draft:
        """The form that starts from an earlier attempt's payload, or from where the author lets a learner start."""

    @abstractmethod
    def posted(self, kind: str, spec: Challenge, request: HttpRequest) -> Draft:
        """What was posted, as it was typed."""

    @abstractmethod
    def payload(self, spec: Challenge, draft: Any) -> dict[str, Any]:
        """The payload that a draft holds.

        Raises:
            Refused: 422 where a text of the form cannot be read, with a problem for each.
        """

    def fields(self, spec: Challenge, draft: Any) -> FormFields:
        """How problems of the payload are named in the form, and which control each stands beside."""
        return FormFields()

    def context(self, spec: Challenge, draft: Any) -> dict[str, Any]:
        """What the form's template needs beside `draft` and `spec`."""
        return {}

    def opened(self, request: HttpRequest, version: ChallengeVersion, draft: Any) -> tuple[Draft, dict[str, Any]]:
        """Lets a link to the challenge's page fill the form. Returns the draft and what to add to the context."""
        return draft, {}

    def urls(self) -> Sequence[URLPattern]:
        """The routes that only this kind has, such as a page of documents. Their names are in the namespace `learn`."""
        return ()

    @abstractmethod
    def describe(self, payload: Mapping[str, Any]) -> dict[str, str]:
        """A payload as named texts, in the order of its form."""

    def own_inputs(self, payload: Mapping[str, Any]) -> frozenset[str]:
        """The inputs that the learner shows the model beforehand. A public sample among them is easier than others."""
        return frozenset()

    def result(self, evaluation: Evaluation) -> dict[str, Any]:
        """What the result's template needs beside the rows of public samples and the marks."""
        return {}


def with_line_feeds(text: str) -> str:
    """The text with LF as line ends: browsers send CR LF, and models read LF."""
    return text.replace("\r\n", "\n")


def labels_of(spec: Challenge) -> Sequence[str]:
    """The labels that answers may be, in the author's order; empty where answers are not labels."""
    return spec.answer.labels if isinstance(spec.answer, Label) else ()


def page_of(kind: str) -> KindPage:
    page: KindPage = load(registered("gradus.pages", PAGES).get(kind, GENERIC))
    return page


def templates_of(kind: str, part: str) -> list[str]:
    """The templates that may show a part (`form`, `payload` or `result`), the kind's own first."""
    return [f"learn/kinds/{kind}/{part}.html", f"learn/kinds/generic/{part}.html"]


def urls() -> list[URLPattern]:
    """The routes that only one kind has, of all kinds."""
    return [route for kind in kind_names() for route in page_of(kind).urls()]
