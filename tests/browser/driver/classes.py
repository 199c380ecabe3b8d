"""A class in the middle of its term, for the checks that visit each page of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.urls import reverse
from django.utils import timezone

from gradus.accounts.models import User
from gradus.classes import dates, services
from gradus.classes.date_rules import Target
from gradus.classes.models import Class, ReleaseRule
from gradus.classes.policy import Step, Values
from gradus.courses.models import Course
from gradus.gradebook import services as gradebook
from gradus.lti import advice
from gradus.lti.models import Platform
from gradus.notices import announcements
from gradus.submissions.budgets.quotas import Wish, set_budgets
from gradus.submissions.models import Quota
from gradus.submissions.results import releasing
from tests import factories

PEOPLE = [
    ("Ann", "Lee", ["Section 1"]),
    ("Ben", "Okafor", ["Section 2", "Extra time"]),
    ("Cem", "Demir", []),
    ("Maximiliane Theodora", "von Hohenstein-Wittgenstein", ["Section 2"]),
]
WHEN = ReleaseRule.When
CODE = "evening26"
# What became of the first learners' grades at the learning platform.
SENT: list[dict[str, Any]] = [
    {"state": "delivered", "wanted": {"given": "9.10"}, "delivered": {"given": "9.10", "maximum": "10.00"}},
    {
        "state": "refused",
        "wanted": {"given": "6.20", "maximum": "10.00"},
        "tries": 3,
        "fault": f"The platform answered with the status 404. {advice.of_sending(404)}",
    },
    {
        "wanted": {"given": "3.50", "maximum": "10.00"},
        "fault": f"The platform answered with the status 503. {advice.of_sending(503)}",
    },
]
NEWS = "Bring your laptop on **Tuesday**, and read [the second lesson](/lessons/first/) before."


def a_term(course: Course, owner: User, learner: User) -> Class:
    """A class with dates, an extension, announcements, and cells in most of the states that a gradebook can show.

    `learner` is in it, without attempts that count for it.
    """
    now = timezone.now()
    made = factories.a_class(
        course, title="Autumn 2026, evening group", timezone="Europe/Vienna", begins_at=now - timedelta(days=30)
    )
    services.rotate_code(made, by=owner, until=now + timedelta(days=14))
    Class.objects.filter(pk=made.pk).update(join_code=CODE)
    people = []
    for first, last, labels in PEOPLE:
        user = None if first == "Cem" else factories.UserFactory.create()
        email = f"{first.split()[0].lower()}@example.org"
        people.append(factories.member(made, user, email=email, first_name=first, last_name=last, labels=labels))
    factories.member(made, learner, first_name="Ada", last_name="Byron", labels=["Section 1"])
    factories.member(made, email="a.very.long.address.of.a.learner@a-university.example.org", labels=["Section 2"])
    factories.member(made, email="gone@example.org", state="left", left_at=now)
    factories.member(made, factories.UserFactory.create(), first_name="Eve", last_name="Moss", learner_data="viewer")
    shore, ticket, explain = map(factories.challenge, ("sea-or-sky", "ticket", "explain"))
    releasing.change_rule(made, ticket, by=owner, score=WHEN.HAND, details=WHEN.HAND, score_at=None, details_at=None)
    term = Values(due_at=now + timedelta(days=10), late=[Step(now + timedelta(days=17), 0.5)])
    dates.set_dates(Target(made), term, by=owner)
    missed = Values(due_at=now - timedelta(days=1), close_at=now + timedelta(days=3), after=0.5)
    dates.set_dates(Target(made, challenge=ticket), missed, by=owner)
    dates.extend(made, people[1:2], by=owner, until=now + timedelta(days=2), reason="Was ill", challenge=ticket)
    dates.grant(made, people[:1], by=owner, challenge=shore, attempts=2, reason="The network was down")
    users = [one.user for one in people if one.user is not None]
    for user, score in zip(users, (0.91, 0.62, 0.35), strict=True):
        factories.grade(factories.submit(user), score)
    for user in users[:2]:
        factories.grade(factories.submit(user, "ticket", factories.LORA), 0.8)
    answer = factories.submit(users[0], "explain", factories.FREE_TEXT)
    factories.grade(answer, 0.6, provisional=True, review=("no-calibration",))
    gradebook.excuse(people[2:3], explain, by=owner, reason="Joined later")
    gradebook.override(people[3:], explain, by=owner, value=8.5, reason="An oral exam in place of the text")
    label = made.labels.get(name="Section 2")
    announcements.announce(made, by=owner, title="Tuesday", text=NEWS)
    later = now + timedelta(days=3)
    announcements.announce(made, by=owner, title="The exam", text="Room 12.", label=label, publish_at=later)
    return made


def class_pages(course: Course, owner: User, learner: User) -> list[str]:
    """The pages of such a class for the people who teach it, beside the list of classes and the form of a new one."""
    made = a_term(course, owner, learner)
    wishes = [Wish(Quota.What.TRAINING, 2 * 3600, Quota.Period.MONTH), Wish(Quota.What.CALLS, 0)]
    set_budgets(made, wishes, by=owner)
    shore, label = factories.challenge("sea-or-sky"), made.labels.get(name="Section 2")
    ben, cem, _ada = made.members.filter(first_name__in=["Ben", "Cem", "Ada"]).order_by("pk")
    gone, announcement = made.members.get(state="left"), made.announcements.order_by("pk")[0]
    names = [
        "",
        "members/",
        f"members/{ben.pk}/",
        f"members/{gone.pk}/",
        f"members/{ben.pk}/why/?challenge=ticket",
        "roster/",
        "dates/",
        f"dates/?label={label.pk}",
        f"progress/?label={label.pk}",
        f"dates/challenge-{shore.pk}/edit",
        "dates/more/",
        f"dates/grants/{made.members.exclude(grants=None)[0].grants.all()[0].pk}/withdraw",
        "grades/",
        f"grades/{ben.pk}/sea-or-sky/",
        f"grades/{cem.pk}/explain/",
        "release/",
        "progress/",
        "announcements/",
        f"announcements/{announcement.pk}/",
        "view-as/",
        "audit/",
        "use/",
    ]
    return ["/teach/classes/", "/teach/classes/new", *(f"/teach/classes/{made.pk}/{name}" for name in names)]


def own_grades() -> str:
    """The page on which a learner of the class sees the own grades."""
    return reverse("learn:class_grades", args=[Class.objects.get(join_code=CODE).pk])


def platform_pages(owner: User) -> list[str]:
    """A learning platform whose first course is a class, and whose second one waits, as does a deployment."""
    now = timezone.now()
    made = Platform.objects.create(
        title="Moodle of the Faculty of Natural Sciences and Mathematics",
        issuer="https://moodle.a-university.example.org",
        client_id="A1b2C3d4E5f6G7h",
        auth_url="https://moodle.a-university.example.org/mod/lti/auth.php",
        token_url="https://moodle.a-university.example.org/mod/lti/token.php",
        keys_url="https://moodle.a-university.example.org/mod/lti/certs.php",
        keys={"keys": []},
        keys_at=now,
        launched_at=now - timedelta(minutes=5),
        refused_at=now - timedelta(hours=2),
        refusal=f"The message has expired. The clocks of the platform and of this site may differ. {advice.CLOCKS}",
        rests=4,
        rest_until=now + timedelta(minutes=8),
        rest_fault=f"The platform answered with the status 503. {advice.of_sending(503)}",
    )
    approved = made.deployments.create(deployment_id="1", approved_at=now, approved_by=owner)
    made.deployments.create(deployment_id="7a5f0c1e-1b2d-4c3e-9f80-5d6c7b8a9e0f")
    free = Class.objects.filter(context=None).order_by("pk")[0]
    context = approved.contexts.create(
        context_id="42",
        title="Large language models, autumn 2026",
        of_class=free,
        roster_url=f"{made.issuer}/mod/lti/services.php/CourseSection/42/bindings/2/memberships",
        roster_due_at=now,
        roster_at=now - timedelta(hours=3),
        roster_found={"all": 142, "new": 3, "changed": 1, "left": 2},
        roster_fault="The platform answered with the status 503.",
    )
    item = context.line_items.create(challenge=factories.challenge("sea-or-sky"), url=f"{made.issuer}/lineitems/9")
    learners = free.members.filter(user__isnull=False, learner_data="none").order_by("pk")
    for number, (member, sent) in enumerate(zip(learners, SENT, strict=False)):
        link = made.links.create(sub=f"person-{number}", user=member.user)
        item.deliveries.create(
            link=link, **{**sent, **({"delivered_at": now} if "delivered" in sent else {"due_at": now})}
        )
    approved.contexts.create(context_id="43", title="Large language models, spring 2027")
    return ["/teach/platforms/", f"/teach/platforms/{made.pk}/"]
