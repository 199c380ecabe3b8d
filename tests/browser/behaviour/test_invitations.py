"""An invitation in the browser: from the owner's page over the mail to the page of the course."""

from __future__ import annotations

import re

import pytest
from django.core import mail
from playwright.sync_api import expect

from gradus.accounts.models import Enrolment, User
from gradus.accounts.token_rules import Content, LearnerData, Scope
from gradus.courses.models import Course
from tests import factories
from tests.browser.conftest import Visit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_somebody_new_is_invited_by_mail_and_helps(ada: User, course: Course, visit: Visit, address: str) -> None:
    """The owner invites by keyboard; the invited person signs up, confirms the address, and accepts."""
    factories.enrol(ada, course, Scope(Content.OWNER))
    owner = visit(ada)
    owner.goto("/path/")
    owner.get_by_role("link", name="Teach").click()
    owner.get_by_role("link", name=course.title).click()
    owner.get_by_role("link", name="People").click()
    form = owner.locator("form", has=owner.get_by_role("button", name="Invite"))
    form.get_by_label("Email address").fill("lena@example.org")
    owner.keyboard.press("Enter")
    # No level was chosen.
    expect(form.locator(".field-error")).to_contain_text("Choose a level")
    form.get_by_label("Course content").select_option("Viewer")
    form.get_by_role("button", name="Invite").click()
    expect(owner.get_by_role("status").filter(has_text="is on its way to lena@example.org")).to_be_visible()
    (invited,) = mail.outbox
    (link,) = re.findall(r"https?://\S+/teach/invitations/\S+", invited.body)
    assert link.startswith(address)

    new = visit()
    new.goto(link)
    new.get_by_role("link", name="Create a free account").click()
    new.get_by_label("Email").fill("lena@example.org")
    new.get_by_label("Password", exact=True).fill(factories.PASSWORD)
    new.get_by_role("button", name="Sign up").click()
    expect(new.get_by_role("heading", name="An invitation")).to_be_visible()
    expect(new.get_by_text("is not a confirmed one of this account")).to_be_visible()
    expect(new.get_by_role("button", name="Accept the invitation")).to_have_count(0)
    (confirm,) = re.findall(r"https?://\S+/accounts/confirm-email/\S+", mail.outbox[-1].body)
    new.goto(confirm)
    new.get_by_role("button", name="Confirm").click()
    new.goto(link)
    new.get_by_role("button", name="Accept the invitation").click()
    expect(new.get_by_role("heading", name=course.title)).to_be_visible()
    expect(new.get_by_role("heading", name="The newest versions")).to_be_visible()
    expect(new.get_by_role("link", name="People")).to_have_count(0)
    assert Enrolment.objects.get(user__email="lena@example.org").scope == Scope(Content.VIEWER)

    owner.goto("/teach/courses/tiny/people/")
    row = owner.locator("li", has_text="lena@example.org")
    row.get_by_label("Learner data").select_option("Viewer")
    row.get_by_role("button", name="Save").click()
    expect(owner.get_by_text(re.compile("The role of .* is changed"))).to_be_visible()
    role = Enrolment.objects.get(user__email="lena@example.org")
    assert role.scope == Scope(Content.VIEWER, LearnerData.VIEWER)
