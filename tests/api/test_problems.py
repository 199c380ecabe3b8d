"""Whatever goes wrong is problem details with a stable code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.test import Client

from challenges.kinds import registry as kinds
from gradus.accounts.models import ApiToken, User
from gradus.api import problems
from gradus.api.codes import CODES
from gradus.courses.models import Challenge
from gradus.reviews.models import Regrade
from gradus.submissions import services
from gradus.submissions.models import Submission
from tests import factories
from tests.api.conftest import Caller, problem


def test_what_is_unknown_is_a_problem(ada_api: Caller) -> None:
    problem(ada_api.get("/"), 404, "not_found")
    problem(ada_api.get("/submissions/not-a-uuid"), 404, "not_found")
    problem(ada_api.get("/challenges/none"), 404, "not_found")
    problem(ada_api.post("/challenges/none/submissions", factories.PROMPT), 404, "not_found")


def test_a_method_that_is_not_taken(open_api: Caller, course: object) -> None:
    response = open_api.post("/courses", {})
    problem(response, 405, "method_not_allowed")
    assert response["Allow"] == "GET"


def test_nobody_is_told_how_to_sign_in(open_api: Caller, sea_or_sky: Challenge) -> None:
    response = open_api.post("/challenges/sea-or-sky/submissions", factories.PROMPT)
    problem(response, 401, "unauthenticated")
    assert response["WWW-Authenticate"] == "Bearer"
    assert not Submission.objects.exists()


def test_a_wrong_or_revoked_token_or_one_of_an_inactive_account_is_refused(
    course: object, ada: User, ada_client: Client, ada_api: Caller, bob: User, bob_api: Caller
) -> None:
    """A wrong one even where anybody may read, and where the session would do."""
    wrong = {"Authorization": "Bearer gradus_wrong"}
    problem(ada_client.get("/api/v1/courses", headers=wrong), 401, "unauthenticated")
    assert ada_api.get("/submissions").status_code == bob_api.get("/submissions").status_code == 200
    ApiToken.objects.get(user=ada).revoke()
    problem(ada_api.get("/submissions"), 401, "unauthenticated")
    User.objects.filter(pk=bob.pk).update(is_active=False)
    problem(bob_api.get("/submissions"), 401, "unauthenticated")


def test_a_session_needs_the_csrf_token_and_nobody_has_anything_to_forge(
    ada: User, ada_client: Client, sea_or_sky: Challenge
) -> None:
    """As browsers and scripts come, which Django's test client otherwise spares the CSRF check."""
    signed_in, nobody = Client(enforce_csrf_checks=True), Client(enforce_csrf_checks=True)
    signed_in.force_login(ada, backend="django.contrib.auth.backends.ModelBackend")
    path, json = "/api/v1/challenges/sea-or-sky/submissions", "application/json"
    problem(signed_in.post(path, factories.PROMPT, content_type=json), 403, "forbidden")
    problem(nobody.post(path, factories.PROMPT, content_type=json), 401, "unauthenticated")
    advice = nobody.post("/api/v1/lessons/first/advisor", {"answers": {}}, content_type=json)
    problem(advice, 404, "not_found")
    assert not Submission.objects.exists()
    assert ada_client.post(path, factories.PROMPT, content_type=json).status_code == 201
    assert Submission.objects.get().user == ada


@pytest.mark.parametrize(
    "body", ["", "{", "[]", '"x"', "null", "[" * 100_000, '{"kind": "prompt", "instructions": NaN}']
)
def test_a_body_that_is_no_payload(ada_api: Caller, sea_or_sky: Challenge, body: str) -> None:
    response = ada_api.post("/challenges/sea-or-sky/submissions", body)
    assert response.status_code in (400, 422)
    problem(response, response.status_code, "bad_request" if response.status_code == 400 else "bad_payload")
    assert not Submission.objects.exists()


@pytest.mark.parametrize("depth", [41, 2000, 100_000])
def test_a_body_that_is_nested_too_deeply_hears_so_on_every_python(
    ada_api: Caller, sea_or_sky: Challenge, depth: int
) -> None:
    for body in ("[" * depth, '{"kind":' * (depth - 1) + "[]" + "}" * (depth - 1)):
        response = ada_api.post("/challenges/sea-or-sky/submissions", body)
        assert "nested too deeply" in problem(response, 400, "bad_request")["detail"]
    assert not Submission.objects.exists()


def test_each_field_is_named(ada_api: Caller, sea_or_sky: Challenge) -> None:
    rows = [{"input": "a heron", "output": "sky"}, {"input": "an oyster", "output": 3}]
    response = ada_api.post("/challenges/sea-or-sky/submissions", {**factories.LORA, "rows": rows})
    found = problem(response, 422, "bad_payload")["problems"]
    assert [(item["field"], item["line"]) for item in found] == [("rows.1.output", 2)]


def test_a_refusal_keeps_its_code_and_problems(ada_api: Caller, sea_or_sky: Challenge) -> None:
    examples = [{"input": "a gull", "output": "air"}]
    response = ada_api.post("/challenges/sea-or-sky/submissions", {"kind": "prompt", "examples": examples})
    found = problem(response, 422, "unknown_label")["problems"]
    assert [(item["field"], item["line"]) for item in found] == [("examples", 1)]


def test_too_much_is_413(ada_api: Caller, sea_or_sky: Challenge) -> None:
    body = {"kind": "prompt", "instructions": "x" * 7_000_000}
    problem(ada_api.post("/challenges/sea-or-sky/submissions", body), 413, "too_large")


def test_our_own_fault_tells_nothing(ada_api: Caller, sea_or_sky: Challenge, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*args: object, **named: object) -> None:
        raise ValueError("hidden row: oyster")

    monkeypatch.setattr(services, "submit", crash)
    response = ada_api.post("/challenges/sea-or-sky/submissions", factories.PROMPT)
    problem(response, 500, "internal")
    assert b"oyster" not in response.content
    assert b"Traceback" not in response.content


@pytest.mark.parametrize("path", ["nothing", "nothing/here", "a%0Ab", "courses/%0A/path", "%00"])
def test_an_unknown_address_is_a_problem_for_every_method(course: object, ada: User, path: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(ada, backend="django.contrib.auth.backends.ModelBackend")
    for method in ("get", "post", "put", "delete"):
        problem(getattr(client, method)(f"/api/v1/{path}"), 404, "not_found")


@pytest.mark.parametrize("body", ["[]", "[null, null]", "null", "0", '"lower"'])
def test_only_an_object_is_a_body(grace: User, sea_or_sky: Challenge, body: str) -> None:
    """A list was once an object without fields, and began a shadow run of everything."""
    factories.grade(factories.submit(grace))
    caller = Caller(ApiToken.issue(grace, "tests", factories.REVIEWING)[1])
    problem(caller.post("/challenges/sea-or-sky/regrades", body), 400, "bad_request")
    assert not Regrade.objects.exists()


def test_yes_or_no_is_said_as_such(grace: User, sea_or_sky: Challenge) -> None:
    factories.grade(factories.submit(grace))
    caller = Caller(ApiToken.issue(grace, "tests", factories.REVIEWING)[1])
    made = caller.post("/challenges/sea-or-sky/regrades", {}).json()
    for lower in (1, "yes", "true"):
        problem(caller.post(f"/regrades/{made['id']}/approve", {"lower": lower}), 422, "bad_payload")


def refusals() -> Iterator[tuple[str, int]]:
    """The code and status of every `Refused(...)` of the services and of the API."""
    root = settings.BASE_DIR / "platform" / "gradus"
    for part in ("api", "submissions", "reviews"):
        for file in (root / part).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Refused":
                    code, status = node.args[0], node.args[2] if len(node.args) > 2 else ast.Constant(422)
                    if isinstance(code, ast.Constant) and isinstance(status, ast.Constant):
                        yield code.value, status.value


def test_every_code_is_listed() -> None:
    found = list(refusals())
    assert len(found) > 30
    assert not [one for one in found if one[0] not in CODES[one[1]]]
    assert all(code in CODES[status] for status, code in problems.USUAL.items())
    said = [re.findall(r"\w+", (type(kind).__doc__ or "").partition("Codes of problems:")[2]) for kind in kinds.every()]
    assert all(said) and {code for codes in said for code in codes} <= {*CODES[422]}
