"""The committed snapshot is the contract: a change to the API is a visible change in review."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from io import StringIO
from pathlib import Path
from typing import Any, get_args

import pytest
from django.core.management import call_command
from django.test import Client
from ninja import Schema
from pydantic import BaseModel, ValidationError

from gradus.api import api

SNAPSHOT = Path(__file__).parents[2] / "docs" / "openapi.json"
RENEW = "python manage.py export_openapi_schema --api gradus.api.api --sorted --indent 2 --output docs/openapi.json"
CALLS = {
    ("get", "/courses"),
    ("get", "/courses/{id}/path"),
    ("post", "/lessons/{id}/advisor"),
    ("post", "/lessons/{id}/demo"),
    ("get", "/challenges/{id}"),
    ("post", "/challenges/{id}/runs"),
    ("get", "/runs/{uuid}"),
    ("get", "/runs/{uuid}/events"),
    ("post", "/challenges/{id}/submissions"),
    ("get", "/submissions/{uuid}"),
    ("get", "/submissions/{uuid}/events"),
    ("post", "/submissions/{uuid}/cancel"),
    ("post", "/runs/{uuid}/cancel"),
    ("post", "/submissions/{uuid}/appeal"),
    ("get", "/submissions/{uuid}/artifact"),
    ("get", "/challenges/{id}/leaderboard"),
    ("post", "/tokens"),
}


def test_no_two_schemas_have_one_name() -> None:
    """In the description, the later one would take the place of the earlier one."""

    def below(schema: type) -> set[type]:
        return {schema}.union(*(below(one) for one in schema.__subclasses__()))

    names = Counter(one.__name__ for one in below(Schema) if one.__module__.startswith("gradus."))
    assert [name for name, count in names.items() if count > 1] == []


def test_the_snapshot_is_what_the_api_says() -> None:
    out = StringIO()
    call_command("export_openapi_schema", api="gradus.api.api", sorted=True, indent=2, stdout=out)
    assert out.getvalue().strip() == SNAPSHOT.read_text().strip(), f"The API changed. Renew the snapshot: {RENEW}"


def _bodies() -> set[type[BaseModel]]:
    """All schemas of what a call may be sent in its body, with those inside others."""
    calls = [call for _, router in api._routers for view in router.path_operations.values() for call in view.operations]
    bodies: set[type[BaseModel]] = set()
    for call in calls:
        for model in call.models:
            if model.__ninja_param_source__ == "body":
                bodies |= _within(model)
    return bodies


def _within(annotation: Any) -> set[type[BaseModel]]:
    parts = set().union(*(_within(part) for part in get_args(annotation)))
    if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return parts
    return parts | {annotation}.union(*(_within(field.annotation) for field in annotation.model_fields.values()))


@pytest.mark.parametrize("sent", [0, 1, "no"])
def test_only_true_and_false_are_truth_values_as_the_document_says(sent: object) -> None:
    lax = []
    for schema in _bodies():
        for name, field in schema.model_fields.items():
            if bool in (get_args(field.annotation) or (field.annotation,)):
                with contextlib.suppress(ValidationError):
                    schema.__pydantic_validator__.validate_assignment(schema.model_construct(), name, sent)
                    lax.append(f"{schema.__name__}.{name}")
    assert lax == []


def test_every_call_of_the_contract_is_there() -> None:
    schema = api.get_openapi_schema()
    calls = {(verb, path.removeprefix("/api/v1")) for path, verbs in schema["paths"].items() for verb in verbs}
    assert calls >= CALLS


def test_every_call_names_the_problem_that_it_may_answer() -> None:
    schema = json.loads(json.dumps(api.get_openapi_schema()))
    for verbs in schema["paths"].values():
        for call in verbs.values():
            assert "application/problem+json" in call["responses"]["default"]["content"]


def test_the_schema_is_served(db: None) -> None:
    response = Client().get("/api/v1/openapi.json")
    assert response.json()["info"]["title"] == "Gradus"


def test_the_docs_page_has_no_inline_script(db: None) -> None:
    response = Client().get("/api/v1/docs")
    assert response.status_code == 200
    scripts = [part.split(">")[0] for part in response.content.decode().split("<script")[1:]]
    assert scripts
    assert all("src=" in script or "application/json" in script for script in scripts)
