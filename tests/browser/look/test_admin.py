"""Django's admin in the site's look: its pages at three widths and in both themes, with collected static files."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import override_settings
from django.utils import timezone

from gradus.fleet import tokens
from gradus.submissions import services
from gradus.submissions.models import WorkerStatus
from tests import factories
from tests.browser.driver import site
from tests.browser.driver.seen import looks, wrong_with

# axe would ask for the sheet that ours imports at the address of the page.
LOADED = {"preload": False}
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module")
def collected(tmp_path_factory) -> Iterator[str]:
    """The address of a site that serves what `collectstatic` has collected under plain names, Django's files too."""
    folder = tmp_path_factory.mktemp("static")
    plain = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
    with override_settings(STATIC_ROOT=folder, STORAGES={**settings.STORAGES, **plain}):
        call_command("collectstatic", interactive=False, verbosity=0)
    with site.running(folder) as address:
        yield address


def filled(ada) -> list[str]:
    """Rows behind the lists, and the pages of the admin to look at."""
    graded = factories.submit(ada)
    factories.grade(graded)
    late = factories.claimed(factories.submit(ada, "ticket", factories.LORA))
    services.reject(late.pk, late.fence, "timeout")
    token, secret = tokens.make("gpu-1", ["grade", "train"], timezone.now() + timedelta(days=180), None)
    tokens.of_request(secret, "gpu-1.cluster.example.org")
    said = "No model files. Run `make models` (or `python -m workers.engine.fetch`)."
    WorkerStatus.objects.create(name=f"{token}:train:1", lane="train", busy_with=late.pk, problem=said)
    evaluation = f"submissions/evaluation/{graded.current_for_staff.pk}/change/"
    return ["", "accounts/user/?q=ada", f"accounts/user/{ada.pk}/change/", "submissions/evaluation/", evaluation,
            "submissions/submission/", "accounts/exemptnetwork/add/", "accounts/", "health/", "workers/", "kept/",
            f"accounts/user/{ada.pk}/history/"]  # fmt: skip


# One sheet of ours makes this look, and changes rarely.
@pytest.mark.slow
@looks
def test_the_admin_has_the_sites_look(course, ada, grace, visit, axe, collected, width, scheme):
    ada.first_name = "Augusta"
    ada.save()
    page = visit(grace, base_url=collected, viewport={"width": width, "height": 800}, color_scheme=scheme)
    missing: list[str] = []
    page.on("response", lambda one: missing.append(one.url) if one.status >= 400 else None)
    wrong: dict[str, object] = {}
    for name in filled(ada):
        page.goto(f"/admin/{name}")
        assert page.title().endswith("· Gradus")
        found = [
            f"{one['id']}: {one['nodes'][0]['html'][:300]}"
            for one in axe.run(page, options=LOADED).response["violations"]
        ]
        if told := [*found, *wrong_with(page)]:
            wrong[name] = told
    assert (wrong, missing) == ({}, [])
