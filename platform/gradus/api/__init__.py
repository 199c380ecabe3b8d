"""The HTTP API at /api/v1/. The README says what only the pages can do.

A module is a resource: the schemas that it takes and gives, and its calls. Each call parses a request, calls one
service or query, and returns what the schema of its answer reads: a row, a dataclass, or a dictionary of them. A
function makes the dictionary where the answer says more than the row. A schema whose keys have other names in the row
cannot read itself, so a made one never stands inside another answer. Names and meanings of schemas are a public
contract; keys may be added.
"""

from typing import Any

from django.urls import URLPattern, URLResolver, re_path
from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema

from gradus.accounts.token_rules import LEARNER, named
from gradus.api import (
    challenges,
    chats,
    choices,
    costs,
    courses,
    findings,
    leaderboards,
    lessons,
    people,
    problems,
    publishing,
    records,
    regrades,
    review_desk,
    reviews,
    runs,
    submissions,
    tokens,
    uploads,
)
from gradus.api.auth import need_of
from gradus.api.ninja_internals import Operation, operations_of
from gradus.api.parser import StrictParser
from gradus.api.teaching import announcements, board_acts, classes, dates, grades, health, moderation, releases, rosters

DESCRIPTION = """Gradus over HTTP. Send `Authorization: Bearer gradus_...`; make a token on your profile,
with `gradus login`, or with `POST /tokens`. A token expires after 90 days unless you choose otherwise,
and after a year at most. It allows what a learner can do; calls with `x-scopes` need a token with these scopes.
Errors are RFC 9457 problem details with a stable `code`.
Scores are rounded down to the challenge's step. Only results of public samples are given row by row."""


class Api(NinjaAPI):
    """Answers every error with problem details, and says so in the OpenAPI document of each call."""

    @property
    def urls(self) -> tuple[list[URLResolver | URLPattern], str, str]:
        patterns, app, namespace = super().urls
        for pattern in patterns:
            if isinstance(pattern, URLPattern):
                pattern.callback = problems.guarded(pattern.callback)
        return [*patterns, re_path(r"^(?P<path>[\s\S]*)$", problems.not_found)], app, namespace

    def get_openapi_schema(self, **given: Any) -> OpenAPISchema:
        schema, needed = super().get_openapi_schema(**given), self.needed_scopes()
        schema["components"]["schemas"]["Problem"] = problems.Problem.model_json_schema(ref_template=REF)
        schema["components"]["schemas"] |= schema["components"]["schemas"]["Problem"].pop("$defs")
        content = {problems.MEDIA_TYPE: {"schema": {"$ref": REF.format(model="Problem")}}}
        for path in schema["paths"].values():
            for call in path.values():
                if scopes := needed[call["operationId"]]:
                    call["x-scopes"] = scopes
                answers = {str(status): answer for status, answer in call["responses"].items()}
                call["responses"] = {**answers, "default": {"description": "Problem details", "content": content}}
        return schema

    def needed_scopes(self) -> dict[str, list[str]]:
        """Returns, by operation id, the scopes that a call needs of a token beside a learner's own."""
        return {
            self.get_openapi_operation_id(one): [
                named(*level) for level in LEARNER.missing(need_of(one.auth_callbacks)).items()
            ]
            for one in operations_of(self)
        }

    def get_openapi_operation_id(self, operation: Operation) -> str:
        """Returns the function's name, so that moving it to another module does not change generated clients."""
        return operation.view_func.__name__

    def set_default_exception_handlers(self) -> None:
        problems.install(self)


REF = "#/components/schemas/{model}"
api = Api(
    title="Gradus",
    version="1.0.0",
    description=DESCRIPTION,
    urls_namespace="api",
    docs_url="/docs",
    parser=StrictParser(),
)
ROUTERS = (
    courses.router,
    people.router,
    classes.router,
    lessons.router,
    findings.router,
    challenges.router,
    choices.router,
    leaderboards.router,
    moderation.router,
    board_acts.router,
    health.router,
    costs.router,
    runs.router,
    submissions.router,
    chats.router,
    records.router,
    review_desk.router,
    reviews.router,
    regrades.router,
    grades.router,
    releases.router,
    publishing.router,
    rosters.router,
    announcements.router,
    dates.router,
    tokens.router,
    uploads.router,
)
for router in ROUTERS:
    api.add_router("", router)
