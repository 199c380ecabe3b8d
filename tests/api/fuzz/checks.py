"""What schemathesis does not know of this API."""

from __future__ import annotations

from schemathesis import Case, CheckContext, Response
from schemathesis.specs.openapi.checks import positive_data_acceptance

from gradus.api.codes import CODES

PROBLEM = "application/problem+json"
KEYS = {"type", "title", "status", "detail", "code", "problems"}


def errors_are_problems(context: CheckContext, response: Response, case: Case) -> None:
    if response.status_code < 400:
        documented = case.operation.definition.raw["responses"]
        assert str(response.status_code) in documented, f"{response.status_code} is not in the document"
        return
    assert response.headers["content-type"] == [PROBLEM], response.text
    body = response.json()
    assert body["code"] in CODES[response.status_code], f"{body['code']} is not listed with {response.status_code}"
    assert set(body) == KEYS and body["status"] == response.status_code and body["detail"]


def shapes_are_documented(context: CheckContext, response: Response, case: Case) -> None:
    """What fits the document may be refused for what it says, never for its shape."""
    if response.status_code == 422 and case.meta is not None and case.meta.generation.mode.is_positive:
        assert response.json()["code"] != "bad_payload", response.text


OURS = [errors_are_problems, shapes_are_documented]
LEFT_OUT = [positive_data_acceptance]
