"""The class in which broken rosters are applied."""

from __future__ import annotations

from allauth.account.models import EmailAddress

from gradus.accounts.models import User
from gradus.accounts.token_rules import LearnerData
from gradus.classes.models import Class, Member
from gradus.courses.models import Course
from tests import factories


def account(name: str, *addresses: str) -> User:
    """An account that has confirmed these addresses."""
    user = factories.UserFactory.create(username=name, email=addresses[0], pseudonym=f"p-{name}")
    EmailAddress.objects.bulk_create(
        EmailAddress(user=user, email=one, verified=True, primary=one == addresses[0]) for one in addresses
    )
    return user


def class_of(course: Course) -> Class:
    """Tom teaches Ann, who has two addresses, Dan, who has no account yet, and two people with one number.

    Eva has an account and is not in the class.
    """
    made = factories.a_class(course)
    tom, ann = account("tom", "tom@example.org"), account("ann", "ann@example.org", "ann@work.example")
    account("eva", "eva@example.org", "eva@work.example")
    factories.member(made, tom, learner_data=LearnerData.EDITOR, first_name="Tom", last_name="Orr")
    names = {"first_name": "Ann", "last_name": "Lee"}
    factories.member(made, ann, registration_number="1001", labels=["Section A"], **names)
    factories.member(made, email="dan@example.org", first_name="Dan", labels=["Section A", "extra time"])
    for number in ("One", "Two"):
        email = f"fay.{number}@example.org".lower()
        factories.member(made, email=email, registration_number="1007", first_name="Fay", last_name=number)
    return made


def state_of(of_class: Class) -> list[tuple[object, ...]]:
    """Everything that a roster could change of the members."""
    fields = ("user_id", "email", "login", "registration_number", "first_name", "last_name", "learner_data", "state")
    members = Member.objects.filter(of_class=of_class).order_by("pk")
    return [(*(getattr(one, name) for name in fields), *sorted(map(str, one.labels.all()))) for one in members]
