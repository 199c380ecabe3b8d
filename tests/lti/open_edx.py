"""Open edX's own code of a platform for LTI, as a small site: `python -P open_edx.py PORT SITE KEYSET`.

It runs in an environment of its own, with `lti-consumer-xblock`. What that package takes from the rest of Open edX
stands in `stand_in`: a block that keeps the score, the course's people, and their ids outside.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from types import SimpleNamespace
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from django.conf import settings
from django.core.management import call_command
from django.http import HttpRequest, JsonResponse
from django.urls import include, path

PORT, SITE, KEYSET = int(sys.argv[1]), sys.argv[2], sys.argv[3]
HERE = f"http://127.0.0.1:{PORT}"
COURSE = "course-v1:Gradus+LLM+2026"
BLOCK = "block-v1:Gradus+LLM+2026+type@lti_consumer+block@first"
PEOPLE = {
    "ada": ("5b0d8bd4-5d0c-4c6c-9f6e-0d6f0a7f0a01", 1, "student"),
    "grace": ("5b0d8bd4-5d0c-4c6c-9f6e-0d6f0a7f0a02", 2, "instructor"),
    "bob": ("5b0d8bd4-5d0c-4c6c-9f6e-0d6f0a7f0a03", 3, "student"),
}
scores: dict[str, float] = {}

settings.configure(
    SECRET_KEY="of a platform for a test",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=[
        "django.contrib.contenttypes",
        "django.contrib.auth",
        "django.contrib.sessions",
        "rest_framework",
        "lti_consumer",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "edx_django_utils.cache.middleware.RequestCacheMiddleware",
    ],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
    USE_TZ=True,
    DEBUG_PROPAGATE_EXCEPTIONS=True,
    OPENEDX_TELEMETRY=[],
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    LMS_ROOT_URL=HERE,
    LEARNING_MICROFRONTEND_URL=HERE,
    PLATFORM_NAME="Open edX",
    USAGE_ID_PATTERN=r"(?P<usage_id>(?:i4x://?[^/]+/[^/]+/[^/]+/[^@]+(?:@[^/]+)?)|(?:[^/]+))",
)
django.setup()

api = import_module("lti_consumer.api")
compat = import_module("lti_consumer.plugin.compat")
Lti1p3LaunchData = import_module("lti_consumer.data").Lti1p3LaunchData
models = import_module("lti_consumer.models")
opaque_keys = import_module("opaque_keys.edx.keys")
views = import_module("lti_consumer.plugin.views")


class Block:
    """What the package asks of the component in the course."""

    weight = 10.0
    display_name = "Sea or sky"
    has_score = True
    accept_grades_past_due = True
    scope_ids = SimpleNamespace(usage_id=BLOCK)
    lti_1p3_passport_id = ""
    context_id = opaque_keys.CourseKey.from_string(COURSE)

    def is_past_due(self) -> bool:
        return False

    def max_score(self) -> float:
        return self.weight

    def set_user_module_score(self, user: str, score: float, most: float, comment: str = "") -> None:
        scores[user] = score * most


def person(name: str) -> dict[str, Any]:
    _outside, key, role = PEOPLE[name]
    return {"id": key, "username": name, "email": f"{name}@example.org", "name": name.title(), "roles": [role]}


def stand_in() -> None:
    """Takes the place of what Open edX itself would do."""
    outside = {known[0]: name for name, known in PEOPLE.items()}
    compat.load_enough_xblock = lambda location: Block()
    compat.load_block_as_user = lambda location: Block()
    compat.get_user_from_external_user_id = lambda found: outside[str(found)]
    compat.user_has_studio_write_access = lambda *given: True
    compat.get_course_members = lambda course: {known[1]: person(name) for name, known in PEOPLE.items()}
    compat.merge_course_forum_roles = lambda course, members: None
    compat.get_event_tracker = lambda: None
    ids = {known[1]: known[0] for known in PEOPLE.values()}

    def attach(self: Any, data: dict[int, dict[str, Any]]) -> None:
        for key, one in data.items():
            one["external_id"] = ids[key]

    views.LtiNrpsContextMembershipViewSet.attach_external_user_ids = attach


def start(request: HttpRequest) -> JsonResponse:
    """Where a person's click on the component leads; for deep linking, the button in Studio."""
    name = request.GET["user"]
    data = Lti1p3LaunchData(
        user_id=PEOPLE[name][1],
        user_role=PEOPLE[name][2],
        config_id=models.LtiConfiguration.objects.get().config_id,
        resource_link_id=BLOCK,
        external_user_id=PEOPLE[name][0],
        name=name.title(),
        context_id=COURSE,
        context_type=["course_offering"],
        context_title="Models of language",
    )
    picks = bool(request.GET.get("picks"))
    found = api.get_lti_1p3_launch_start_url(data, True) if picks else api.get_lti_1p3_content_url(data)
    return JsonResponse({"url": found})


def registration(request: HttpRequest) -> JsonResponse:
    """What Studio shows beside the component, and what the platform holds."""
    config = models.LtiConfiguration.objects.get()
    data = Lti1p3LaunchData(user_id=1, user_role="student", config_id=config.config_id, resource_link_id=BLOCK)
    items = [{"type": one.content_type, **one.attributes} for one in models.LtiDlContentItem.objects.all()]
    return JsonResponse({**api.get_lti_1p3_launch_info(data), "scores": scores, "items": items, "issuer": HERE})


urlpatterns = [
    path("start", start),
    path("registration", registration),
    path("api/", include("lti_consumer.plugin.urls")),
]


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        print(json.dumps([format % args]), file=sys.stderr, flush=True)


def main() -> None:
    from django.core.wsgi import get_wsgi_application

    stand_in()
    call_command("migrate", verbosity=0)
    config = models.LtiConfiguration.objects.create(
        location=opaque_keys.UsageKey.from_string(BLOCK),
        config_store=models.LtiConfiguration.CONFIG_ON_DB,
        version=models.LtiConfiguration.LTI_1P3,
        lti_1p3_oidc_url=f"{SITE}/lti/login",
        lti_1p3_launch_url=f"{SITE}/challenges/sea-or-sky/",
        lti_1p3_redirect_uris=[f"{SITE}/lti/launch"],
        lti_advantage_ags_mode=models.LtiConfiguration.LTI_ADVANTAGE_AGS_DECLARATIVE,
        lti_advantage_enable_nrps=True,
        lti_advantage_deep_linking_enabled=True,
        lti_advantage_deep_linking_launch_url=f"{SITE}/lti/pick",
    )
    config.refresh_from_db()
    passport = config.lti_1p3_passport
    passport.lti_1p3_tool_keyset_url = KEYSET
    passport.save()
    models.CourseAllowPIISharingInLTIFlag.objects.create(
        course_id=opaque_keys.CourseKey.from_string(COURSE), enabled=True
    )
    with make_server("127.0.0.1", PORT, get_wsgi_application(), handler_class=Quiet) as server:
        print("listening", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
