"""The page of a kind that brings none of its own: one text field for each field of its payload.

A field that is not a text is written as JSON.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from challenges.files.nesting import too_deep
from challenges.kinds import registry as kinds
from challenges.spec import Challenge
from gradus.learn.form_problems import FormFields
from gradus.learn.kind_pages import Draft, KindPage, with_line_feeds
from gradus.learn.kinds.fields import TextField
from gradus.submissions.services import Refused


@dataclass(frozen=True)
class FieldsDraft(Draft):
    """`values` has a field for each of the payload's. What is not a text stands in a field of code, as JSON."""

    values: tuple[TextField, ...] = ()


class GenericPage(KindPage):
    def form(self, kind: str, spec: Challenge, payload: Mapping[str, Any] | None) -> FieldsDraft:
        return FieldsDraft(kind, values=_fields(kind, {} if payload is None else _written(payload)))

    def posted(self, kind: str, spec: Challenge, request: HttpRequest) -> FieldsDraft:
        typed = {name: with_line_feeds(str(text)) for name, text in request.POST.items()}
        return FieldsDraft(kind, values=_fields(kind, typed))

    def payload(self, spec: Challenge, draft: FieldsDraft) -> dict[str, Any]:
        values: dict[str, Any] = {"kind": draft.kind}
        problems = []
        for field in draft.values:
            if field.is_code and not field.value.strip():
                continue
            try:
                values[field.name] = _json(field.value) if field.is_code else field.value
            except ValueError:
                message = _("“%(field)s” is not valid JSON: correct it.") % {"field": field.title}
                problems.append({"code": "bad_json", "field": field.name, "message": message})
        if problems:
            raise Refused("bad_payload", _("Some fields cannot be read."), problems=problems)
        return values

    def fields(self, spec: Challenge, draft: FieldsDraft) -> FormFields:
        return FormFields(names={field.name: field.title for field in draft.values})

    def describe(self, payload: Mapping[str, Any]) -> dict[str, str]:
        return {str(field.title): field.value for field in _fields(payload["kind"], _written(payload))}


def _fields(kind: str, texts: Mapping[str, str]) -> tuple[TextField, ...]:
    """The fields of a kind's payload in the order of its model, with the given texts or the model's defaults."""
    schema = kinds.find(kind).payload.model_json_schema()["properties"]
    return tuple(
        TextField(
            name=name,
            title=str(about.get("title", name)),
            help=_help(about),
            is_code=about.get("type") != "string",
            value=texts.get(name, _text(about.get("default", ""))),
            rows=6,
        )
        for name, about in schema.items()
        if name != "kind"
    )


def _help(about: Mapping[str, Any]) -> str:
    text = str(about.get("description", ""))
    return text if about.get("type") == "string" else f"{text} {_('Write it as JSON.')}".strip()


def _written(payload: Mapping[str, Any]) -> dict[str, str]:
    return {name: _text(value) for name, value in payload.items()}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _json(text: str) -> Any:
    """Raises ValueError for a text that is not JSON, or is nested too deeply to be read."""
    if too_deep(text):
        raise ValueError
    return json.loads(text)


PAGE = GenericPage()
