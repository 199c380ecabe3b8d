"""What the page of a course shows of its verification, to whom, and how it stays up to date."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from challenges.reading import read_course
from gradus.accounts.models import User
from gradus.accounts.token_rules import Content, Scope
from gradus.courses import archives
from gradus.courses.models import ChallengeVersion, CourseVersion
from gradus.courses.services import import_course
from gradus.submissions import services
from gradus.submissions.models import Run
from tests import factories
from tests.challenges import factory
from tests.conftest import logged_in
from tests.learn.findings import made_up

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def live(tmp_path: Path) -> CourseVersion:
    """A content with a finding, of which nothing is verified."""
    folder = tmp_path / "mine"
    bundle = made_up.bundle(folder, [made_up.FEW], {"few-shot": made_up.few_record()})
    record = made_up.few_record(digest=made_up.digest_of(bundle))
    factory.write_text(folder / "first/findings.json", json.dumps({"schema": 1, "findings": {"few-shot": record}}))
    course = import_course(read_course(folder), archive=archives.keep_folder(folder))
    version = course.versions.get()
    for one in ChallengeVersion.objects.all():
        services.verify(one)
    return version


def client_of(user: User, live: CourseVersion, content: Content) -> Any:
    factories.enrol(user, live.course, Scope(content))
    return logged_in(user)


def address(live: CourseVersion, name: str = "verification") -> str:
    return reverse(f"teach:{name}", args=[live.course.slug, live.pk])


def test_a_viewer_sees_each_check_and_the_page_asks_again(live: CourseVersion, ada: User) -> None:
    page = client_of(ada, live, Content.VIEWER).get("/teach/courses/tiny/").content.decode()
    assert "0 of 10 checks have ended." in page and "baselines/good.yaml" in page
    assert f'hx-get="{address(live)}?seen=' in page
    assert "Check the findings here" not in page
    assert "Version 1.0.0 is published, and learners see nothing of it yet" in shown(page)
    for untrue in ("is live", "Open the course as a learner", "Everybody may open it"):
        assert untrue not in shown(page)


def test_a_question_that_people_grade_waits_and_is_published_as_it_is(
    live: CourseVersion, ada: User, bob: User, bob_client: Client
) -> None:
    client = client_of(ada, live, Content.EDITOR)
    assert bob_client.get("/challenges/sea-or-sky/").status_code == 404
    publish = address(live, "waiting_publish")
    assert client_of(bob, live, Content.VIEWER).post(publish, {"challenge": "sea-or-sky"}).status_code == 403
    assert "no challenge that waits" in shown(client.post(publish, {"challenge": "x"}, follow=True).content.decode())

    page = shown(client.post(publish, {"challenge": "sea-or-sky"}, follow=True).content.decode())
    assert "Published as it is." in page and "Open the course as a learner" in page
    # Its other two still wait.
    assert "What this server has not verified yet goes live when it has; until then learners see" in page
    assert bob_client.get("/challenges/sea-or-sky/").status_code == 200


def shown(page: str) -> str:
    return " ".join(page.split())


def test_it_changes_only_when_a_check_has_changed(live: CourseVersion, ada: User) -> None:
    client = client_of(ada, live, Content.VIEWER)
    shown = client.get(address(live), headers=HTMX)
    seen = shown.content.decode().partition("?seen=")[2][:16]
    assert client.get(f"{address(live)}?seen={seen}", headers=HTMX).status_code == 204
    claimed = services.claim("grade", worker="w", profile="cpu")
    assert claimed is not None
    again = client.get(f"{address(live)}?seen={seen}", headers=HTMX)
    assert again.status_code == 200 and "is running" in again.content.decode()
    assert client.get(address(live)).status_code == 302, "without htmx it is a part of the course's page"


def test_an_editor_has_the_findings_checked(live: CourseVersion, ada: User) -> None:
    client = client_of(ada, live, Content.EDITOR)
    assert "Check the findings here" in client.get("/teach/courses/tiny/").content.decode()
    page = client.post(address(live, "findings"), follow=True).content.decode()
    assert "The records of the findings were checked. 3 runs were started." in page
    assert "few-shot zero" in page and Run.objects.filter(purpose="proof").count() == 3


def test_others_do_not(live: CourseVersion, ada: User, bob: User) -> None:
    assert client_of(ada, live, Content.VIEWER).post(address(live, "findings")).status_code == 403
    assert client_of(bob, live, Content.PREVIEWER).get(address(live), headers=HTMX).status_code == 403
    assert logged_in(factories.UserFactory.create()).get(address(live), headers=HTMX).status_code == 404
    assert not Run.objects.filter(purpose="proof").exists()
