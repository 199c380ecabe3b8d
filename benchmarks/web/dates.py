"""Measures how much slower a challenge page is for a learner of a class with dates than for the same learner without.

The learner leaves and rejoins the class between two requests to the running site, so that other load on the machine and
the learner's history affect both measurements equally.
"""

from __future__ import annotations

import time
from datetime import timedelta
from http.client import HTTPConnection
from importlib import import_module
from statistics import median
from typing import Any

ROUNDS, WARM_UP = 300, 20


def seed_class(session: str) -> int:
    """Adds the learner of a session to a class with rules for everybody, labels and the member. Returns its key."""
    from django.conf import settings
    from django.contrib.auth import SESSION_KEY
    from django.utils import timezone

    from benchmarks.web.seed import board
    from gradus.classes.models import Class, DateRule, Member

    challenge, now, day = board(), timezone.now(), timedelta(days=1)
    made = Class.objects.create(course=challenge.course, title="Load", timezone="UTC")
    user = import_module(settings.SESSION_ENGINE).SessionStore(session)[SESSION_KEY]
    member = Member.objects.create(of_class=made, user_id=int(user))
    labels = [made.labels.create(name=f"Section {number}") for number in range(3)]
    member.labels.set(labels[:2])
    DateRule.objects.create(of_class=made, release_at=now - day, due_at=now + day)
    for label in labels:
        DateRule.objects.create(of_class=made, label=label, due_at=now + 2 * day, after=0.5)
    for one in challenge.course.challenges.filter(is_current=True):
        DateRule.objects.create(of_class=made, challenge=one, close_at=now + 9 * day)
    DateRule.objects.create(of_class=made, member=member, challenge=challenge, due_at=now + 3 * day, reason="ill")
    return member.pk


def measured(port: int, host: str, path: str, session: str, member: int) -> dict[str, Any]:
    """Returns the median times of the page with and without the class, and of their difference, in milliseconds."""
    from django.utils import timezone

    from gradus.classes.models import Member

    rows, times = Member.objects.filter(pk=member), {"active": list[float](), "left": list[float]()}
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Host": host, "X-Forwarded-Proto": "https", "Cookie": f"sessionid={session}"}
    for number in range(WARM_UP + ROUNDS):
        for state in ("active", "left") if number % 2 else ("left", "active"):
            rows.update(state=state, left_at=timezone.now() if state == "left" else None)
            taken = _asked(connection, path, headers)
            if number >= WARM_UP:
                times[state].append(taken)
    differences = [one - other for one, other in zip(times["active"], times["left"], strict=True)]
    return {
        "challenge_in_a_class_p50_ms": round(median(times["active"]), 2),
        "challenge_without_a_class_p50_ms": round(median(times["left"]), 2),
        "dates_add_ms": round(median(differences), 2),
    }


def _asked(connection: HTTPConnection, path: str, headers: dict[str, str]) -> float:
    begin = time.perf_counter()
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{path} answered {answer.status}")
    return 1000 * (time.perf_counter() - begin)
