"""A site of its own for many launches. As a program it is the part inside Django, see `tests.security.crowd_site`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests import migrated
from tests.browser.driver.site import free_port
from tests.faults.site import ROOT, database, environment
from tests.security import crowd_site


class LaunchSite(crowd_site.CrowdSite):
    def ask(self, does: str, *words: str) -> Any:
        argv = [sys.executable, "-m", "tests.lti.crowd_site", does, *words]
        done = subprocess.run(argv, cwd=ROOT, env=self.env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-4000:]
        return json.loads(done.stdout)


@contextmanager
def opened(postgres: str | None) -> Iterator[LaunchSite]:
    """On SQLite with one web server, as `make up` starts it; on PostgreSQL with two, as behind a proxy."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gradus-launches-")))
        env = environment(folder, stack.enter_context(database(postgres)), lease=60, heartbeat=10)
        env.pop("GRADUS_FAILPOINTS")
        if postgres is None:
            migrated.copy_sqlite(folder / "gradus.sqlite3")
        site = LaunchSite(tuple(free_port() for _ in range(2 if postgres else 1)), env)
        site.ask("prepare", str(folder / "tiny"))
        for port in site.ports:
            stack.enter_context(crowd_site.served(port, site, "gradus.asgi:application"))
        yield site


# --- inside Django ----------------------------------------------------------------------------------------------


def prepare(folder: str) -> None:
    from django.conf import settings
    from django.core.management import call_command
    from django.utils import timezone

    from gradus.lti.models import Context, Deployment, Platform
    from tests import factories
    from tests.lti.platform import Moodle

    call_command("migrate", interactive=False, verbosity=0)
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    now = timezone.now()
    platform = Platform.objects.create(**Moodle().form, keys={"keys": [public_of_clients()]}, keys_at=now, asked_at=now)
    deployment = Deployment.objects.create(platform=platform, deployment_id="1", approved_at=now)
    of_class = factories.a_class(factories.tiny_course(Path(folder)))
    Context.objects.create(deployment=deployment, context_id="course-7", of_class=of_class)


def public_of_clients() -> dict[str, str]:
    """The public half of the key that signs: the process that launches has made it."""
    given: dict[str, str] = json.loads(os.environ["LAUNCHES_KEY"])
    return given


def server(port: str) -> list[str]:
    return crowd_site.server(port)


def rows() -> dict[str, Any]:
    """Returns the rows that the launches have written. Somebody who is only partly in is missing in one list."""
    from gradus.accounts.models import User
    from gradus.classes.models import Member
    from gradus.lti.models import Launch, Link

    links = Link.objects.select_related("user")
    return {
        "linked": sorted(one.sub for one in links),
        "members": Member.objects.filter(user__platform_links__isnull=False).count(),
        "accounts": User.objects.filter(username__startswith="learner-").count(),
        "entered": Launch.objects.filter(entered_at__isnull=False, message__isnull=True).count(),
        "left": Launch.objects.filter(entered_at=None).count(),
    }


DOES = {"prepare": prepare, "server": server, "rows": rows}

if __name__ == "__main__":
    import django

    django.setup()
    said = os.dup(1)
    os.dup2(2, 1)
    os.write(said, json.dumps(DOES[sys.argv[1]](*sys.argv[2:])).encode())
