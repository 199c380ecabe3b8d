"""Every route of the site by walking the URLconf, and what each is to somebody who does not own what it names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.urls import get_resolver
from django.urls.resolvers import URLPattern, URLResolver

# The object of one learner: for all others it is not there.
PRIVATE = {
    "lessons/<slug:slug>/demo/panel/<uuid:uuid>/",
    "lessons/<slug:slug>/demo/<uuid:zero>/<uuid:few>/<uuid:tuned>/",
    "lessons/<slug:slug>/retriever/panel/<uuid:uuid>/",
    "lessons/<slug:slug>/retriever/<uuid:words>/<uuid:vectors>/<uuid:both>/",
    "contributions/<int:pk>/withdraw",
    "classes/<int:pk>/leave",
    "runs/<uuid:uuid>/",
    "runs/<uuid:uuid>/fragment",
    "runs/<uuid:uuid>/events",
    "runs/<uuid:uuid>/cancel",
    "runs/<uuid:uuid>/chat",
    "runs/<uuid:uuid>/name",
    "submissions/<uuid:uuid>/",
    "submissions/<uuid:uuid>/fragment",
    "submissions/<uuid:uuid>/events",
    "submissions/<uuid:uuid>/cancel",
    "submissions/<uuid:uuid>/appeal",
    "submissions/<uuid:uuid>/artifact",
    "submissions/<uuid:uuid>/receipt",
    "submissions/<uuid:uuid>/receipt/",
    "submissions/<uuid:uuid>/chat/",
    "profile/tokens/<int:pk>/revoke",
    "api/v1/runs/<uuidstr:uuid>",
    "api/v1/runs/<uuidstr:uuid>/events",
    "api/v1/runs/<uuidstr:uuid>/cancel",
    "api/v1/runs/<uuidstr:uuid>/chat",
    "api/v1/runs/<uuidstr:uuid>/name",
    "api/v1/submissions/<uuidstr:uuid>",
    "api/v1/submissions/<uuidstr:uuid>/events",
    "api/v1/submissions/<uuidstr:uuid>/cancel",
    "api/v1/submissions/<uuidstr:uuid>/appeal",
    "api/v1/submissions/<uuidstr:uuid>/artifact",
    "api/v1/submissions/<uuidstr:uuid>/receipt",
    "api/v1/submissions/<uuidstr:uuid>/chat",
    "api/v1/uploads/<uuidstr:uuid>",
    "api/v1/uploads/<uuidstr:uuid>/<int:offset>",
    "api/v1/uploads/<uuidstr:uuid>/push",
    "accounts/2fa/webauthn/keys/<int:pk>/remove/",
    "accounts/2fa/webauthn/keys/<int:pk>/edit/",
}
# For editors of this course; for all others it is not there.
EDITORS = {
    "api/v1/courses/<slug:id>/uploads",
    "api/v1/courses/<slug:id>/versions",
    "api/v1/courses/<slug:id>/live",
    "api/v1/courses/<slug:id>/draft",
    "api/v1/courses/<slug:id>/draft/publish",
    "api/v1/courses/<slug:id>/draft/discard",
    "api/v1/courses/<slug:id>/draft/findings",
    "api/v1/courses/<slug:id>/live/findings",
    "api/v1/courses/<slug:id>/rollback",
    "api/v1/courses/<slug:id>/bundle",
    "api/v1/courses/<slug:id>/challenges/<slug:challenge>/board",
    "leaderboards/<slug:slug>/begin/",
    "teach/courses/<slug:slug>/preview/",
    "teach/courses/<slug:slug>/preview/leave",
}
# For people with a role in this course, most of them for owners; for all others it is not there.
PEOPLE = {
    "teach/courses/<slug:slug>/",
    "teach/courses/<slug:slug>/verification/<int:pk>/",
    "teach/courses/<slug:slug>/verification/<int:pk>/findings",
    "api/v1/classes/<int:id>/roster",
    "teach/courses/<slug:slug>/people/",
    "teach/courses/<slug:slug>/people/<int:pk>",
    "teach/courses/<slug:slug>/people/leave",
    "teach/courses/<slug:slug>/invitations/<int:pk>/withdraw",
    "api/v1/courses/<slug:id>/people",
    "api/v1/courses/<slug:id>/people/me",
    "api/v1/courses/<slug:id>/people/<int:person>",
    "api/v1/courses/<slug:id>/invitations",
    "api/v1/courses/<slug:id>/invitations/<int:invitation>",
}
# For the people who teach this class; for all others it is not there.
CLASSES = {
    "teach/classes/<int:pk>/",
    "teach/classes/<int:pk>/code",
    "teach/classes/<int:pk>/members/",
    "teach/classes/<int:pk>/members/marked",
    "teach/classes/<int:pk>/members/<int:member>/",
    "teach/classes/<int:pk>/members/<int:member>/why/",
    "teach/classes/<int:pk>/dates/",
    "teach/classes/<int:pk>/dates/<slug:key>/edit",
    "teach/classes/<int:pk>/dates/more/",
    "teach/classes/<int:pk>/dates/more/extend",
    "teach/classes/<int:pk>/dates/more/grant",
    "teach/classes/<int:pk>/labels/<int:label>",
    "teach/classes/<int:pk>/grades/",
    "teach/classes/<int:pk>/grades/points",
    "teach/classes/<int:pk>/grades/excuse",
    "teach/classes/<int:pk>/grades/<slug:format>.csv",
    "teach/classes/<int:pk>/grades/<int:member>/<slug:slug>/",
    "api/v1/classes/<int:id>/grades",
    "api/v1/classes/<int:id>/overrides",
    "api/v1/classes/<int:id>/worths",
    "teach/classes/<int:pk>/announcements/",
    "teach/classes/<int:pk>/announcements/<int:key>/",
    "teach/classes/<int:pk>/view-as/",
    "teach/classes/<int:pk>/audit/",
    "teach/classes/<int:pk>/release/",
    "teach/classes/<int:pk>/release/now",
}
# For reviewers of this course; for all others it is not there.
REVIEWERS = CLASSES | {
    "reviews/<int:pk>/",
    "reviews/<int:pk>/gold",
    "reviews/snippets/<int:pk>",
    "reviews/question/<slug:slug>/",
    "reviews/question/<slug:slug>/<int:pk>",
    "reviews/question/<slug:slug>/locks",
    "reviews/question/<slug:slug>/bulk/",
    "reviews/question/<slug:slug>/blind",
    "reviews/gold/<slug:slug>.jsonl",
    "reviews/gold/<slug:slug>/consent",
    "reviews/calibration/<int:pk>/",
    "reviews/regrades/<int:pk>/",
    "api/v1/reviews/<int:id>",
    "api/v1/reviews/<int:id>/blind",
    "api/v1/reviews/<int:id>/decision",
    "api/v1/reviews/<int:id>/gold",
    "api/v1/reviews/<int:id>/take-over",
    "api/v1/challenges/<slug:id>/gold",
    "api/v1/challenges/<slug:id>/certainty",
    "api/v1/challenges/<slug:id>/accept-marks",
    "api/v1/challenges/<slug:id>/marked-blind",
    "api/v1/challenges/<slug:id>/regrades",
    "api/v1/regrades/<int:id>",
    "api/v1/regrades/<int:id>/approve",
    "api/v1/regrades/<int:id>/discard",
}
# For anybody with a role in some course, who finds the own courses' rows in them.
LISTS_OF_REVIEWERS = {
    "reviews/",
    "reviews/accuracy/",
    "reviews/snippets/",
    "reviews/calibration/",
    "reviews/judge/",
    "reviews/regrades/",
    "teach/",
    "teach/classes/",
    "teach/classes/new",
    "api/v1/reviews",
    "api/v1/reviews/accuracy",
    "api/v1/reviews/claim",
    "api/v1/reviews/renew",
    "api/v1/reviews/release",
    "api/v1/regrades",
}
# Content for everybody, and pages about the caller alone: whoever asks, nothing of another learner is in them.
OPEN = {
    "",
    "path/",
    "courses/<slug:slug>/",
    "lessons/<slug:slug>/",
    "lessons/<slug:slug>/advisor/",
    "lessons/<slug:slug>/demo/",
    "lessons/<slug:slug>/findings/<slug:name>/",
    "lessons/<slug:slug>/findings/<slug:name>/runs",
    "lessons/<slug:slug>/questions/<slug:name>/answer",
    "lessons/<slug:slug>/retriever/",
    "challenges/<slug:slug>/",
    "challenges/<slug:slug>/hint",
    "challenges/<slug:slug>/dataset-check",
    "challenges/<slug:slug>/method",
    "challenges/<slug:slug>/starter.jsonl",
    "challenges/<slug:slug>/starter",
    "challenges/<slug:slug>/choices/",
    "challenges/<slug:slug>/choices/undo",
    "challenges/<slug:slug>/choices/skipped",
    "challenges/<slug:slug>/choices/forget",
    "challenges/<slug:slug>/choices/use",
    "challenges/<slug:slug>/choices.jsonl",
    "challenges/<slug:slug>/documents/",
    "challenges/<slug:slug>/documents.jsonl",
    "challenges/<slug:slug>/updates.jsonl",
    "challenges/<slug:slug>/public.jsonl",
    "challenges/<slug:slug>/solution/",
    "challenges/<slug:slug>/board/",
    "challenges/<slug:slug>/costs/",
    "challenges/<slug:slug>/costs/measure",
    "challenges/<slug:slug>/compare/",
    "challenges/<slug:slug>/history",
    "challenges/<slug:slug>/report/",
    "challenges/<slug:slug>/run",
    "challenges/<slug:slug>/tokens",
    "challenges/<slug:slug>/submit",
    "notices/",
    "notices/bell",
    "notices/by-mail",
    "teach/invitations/<slug:secret>/",
    "teach/view-as/stop",
    "join/",
    "join/<slug:code>/",
    "language/",
    "leaderboards/",
    "leaderboards/<slug:slug>/",
    "profile/",
    "profile/tokens/",
    "profile/my-data.json",
    "metrics",
    "receipts/",
    ".well-known/gradus-receipts.json",
    "api/v1/",
    "api/v1/openapi.json",
    "api/v1/docs",
    r"api/v1/^(?P<path>[\s\S]*)$",
    "api/v1/courses",
    "api/v1/courses/<slug:id>/path",
    "api/v1/lessons/<slug:id>",
    "api/v1/lessons/<slug:id>/advisor",
    "api/v1/lessons/<slug:id>/demo",
    "api/v1/lessons/<slug:id>/retriever",
    "api/v1/lessons/<slug:id>/findings",
    "api/v1/lessons/<slug:id>/findings/<slug:finding>/runs",
    "api/v1/lessons/<slug:id>/questions",
    "api/v1/lessons/<slug:id>/questions/<slug:question>",
    "api/v1/challenges/<slug:id>",
    "api/v1/challenges/<slug:id>/hints",
    "api/v1/challenges/<slug:id>/solution",
    "api/v1/challenges/<slug:id>/dataset",
    "api/v1/challenges/<slug:id>/choices",
    "api/v1/challenges/<slug:id>/choices.jsonl",
    "api/v1/challenges/<slug:id>/documents",
    "api/v1/challenges/<slug:id>/costs",
    "api/v1/challenges/<slug:id>/leaderboard",
    "api/v1/challenges/<slug:id>/history",
    "api/v1/challenges/<slug:id>/comparison",
    "api/v1/challenges/<slug:id>/reports",
    "api/v1/notices",
    "api/v1/notices/seen",
    "api/v1/reports",
    "api/v1/challenges/<slug:id>/runs",
    "api/v1/challenges/<slug:id>/submissions",
    "api/v1/submissions",
    "api/v1/tokens",
}
# The calls of the API that need more of a token than a learner's scope, by operation; all others take any token.
SCOPES = {
    "content:viewer": {"course_versions", "course_draft", "course_live"},
    "content:editor": {
        *("upload_start", "upload", "upload_part", "upload_push"),
        *("draft_publish", "draft_discard", "course_rollback", "course_bundle", "board_begin"),
        *("draft_findings", "live_findings"),
    },
    "content:owner": {
        *("course_people", "course_person_change", "course_person_remove"),
        *("course_invite", "course_invitation_withdraw"),
    },
    "learner_data:viewer": {
        *("reviews", "reviews_accuracy", "review", "challenge_gold", "challenge_certainty"),
        *("regrades", "regrade", "class_roster", "class_grades"),
    },
    "learner_data:editor": {
        *("review_blind", "review_decision", "review_gold", "review_take_over"),
        *("reviews_claim", "reviews_renew", "reviews_release", "challenge_accept_marks", "challenge_mark_blind"),
        "class_roster_apply",
        *("class_override", "class_weigh"),
        *("regrade_start", "regrade_approve", "regrade_discard"),
    },
}
KNOWN = PRIVATE | EDITORS | PEOPLE | REVIEWERS | LISTS_OF_REVIEWERS | OPEN
# allauth's own pages about the caller's own account, and Django's admin, which asks for staff at each of its pages.
LIBRARIES = ("accounts/", "admin/")
PART = re.compile(r"<(?:\w+:)?(\w+)>|\^?\(\?P<(\w+)>[^)]*\)\$?")


def routes(resolver: URLResolver | None = None, before: str = "") -> Iterator[str]:
    """The pattern of each route, as Django writes it."""
    for entry in (resolver or get_resolver()).url_patterns:
        pattern = before + str(entry.pattern)
        if isinstance(entry, URLPattern):
            yield pattern
        else:
            yield from routes(entry, pattern)


def path(route: str, names: dict[str, Any]) -> str:
    """The route's address with the objects of `names`."""
    filled = PART.sub(lambda found: str(names.get(found[1] or found[2], "x")), route)
    return "/" + filled.replace("^", "").replace("$", "")
