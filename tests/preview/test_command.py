"""The command from its start to its end, over HTTP."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from django.core.wsgi import get_wsgi_application
from django.test import RequestFactory

from gradus.operations import ports
from gradus.preview.site import SiteWithFiles
from tests.challenges.factory import write_course
from tests.preview.started import MAIN, ROOT, Started

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_course(tmp_path / "course")


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    return tmp_path / "temporary"


def ended(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself."""
    argv = [sys.executable, "-c", MAIN, *arguments]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def test_an_author_s_day(folder, temporary):
    """Texts, rows, order, a renamed lesson, a mistake and its correction; nothing is left at the end."""
    with Started(folder, temporary) as preview:
        assert preview.first == "/courses/tiny/" and "Tiny" in preview.page()
        lesson, challenge = folder / "first", folder / "first" / "sea-or-sky"

        (lesson / "lesson.md").write_text("# First\n\nThe tide comes in.\n")
        preview.until_shown("The tide comes in.", "/lessons/first/")
        (challenge / "statement.md").write_text("# Sea or sky\n\nLook up, then down.\n")
        preview.until_shown("Look up, then down.", "/challenges/sea-or-sky/")
        rows = [json.loads(line) for line in (challenge / "public.jsonl").read_text().splitlines()]
        rows[0]["input"] = "a kraken"
        (challenge / "public.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        preview.until_shown("a kraken", "/challenges/sea-or-sky/")

        good = (lesson / "lesson.yaml").read_text()
        (lesson / "lesson.yaml").write_text(f"{good}\nfoo: [\n")
        preview.until_shown("This folder cannot be read yet", "/challenges/sea-or-sky/")
        assert "first/lesson.yaml" in preview.page("/lessons/first/")
        with httpx.Client(base_url=preview.address, follow_redirects=True) as browser:
            last = browser.get("/preview/last/", params={"next": "/lessons/first/"})
            assert "The tide comes in." in last.text and "This is the last content" in last.text
            elsewhere = browser.get("/preview/last/", params={"next": "https://example.org/"}, follow_redirects=False)
            assert elsewhere.headers["Location"] == "/courses/tiny/"
        (lesson / "lesson.yaml").write_text(good)
        preview.until_shown("The tide comes in.", "/lessons/first/")

        lesson.rename(folder / "renamed")
        course = (folder / "course.yaml").read_text().replace("- first", "- renamed")
        (folder / "course.yaml").write_text(
            course.replace("id: tiny", "id: other").replace("title: Tiny", "title: Sea")
        )
        preview.until_shown("Sea", "/courses/other/")
        assert "The tide comes in." in preview.page("/lessons/renamed/")
        preview.page("/lessons/first/", 404)
        preview.page("/courses/tiny/", 404)
        assert "a kraken" in preview.page("/challenges/sea-or-sky/")

        assert preview.end() == 0 and "The preview has ended." in preview.said
        assert preview.left_behind() == [] and "Traceback" not in preview.said


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("css/gradus.css", 200),
        ("", 404),
        ("css/", 404),
        ("no-such-file", 404),
        ("../", 404),
        ("..", 404),
        ("../../etc/passwd", 404),
        ("css/../../manage.py", 404),
        ("/etc/passwd", 404),
        ("a\0b", 404),
        ("a" * 5000, 404),
    ],
)
def test_files_are_served_and_no_path_leads_out_of_their_folder(path, status):
    request = RequestFactory().get("/static/")
    request.path = request.path_info = f"/static/{path}"
    response = SiteWithFiles(get_wsgi_application()).get_response(request)
    response.close()
    assert response.status_code == status


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_it_ends_clean_while_pages_are_open(folder, temporary, number):
    with (
        Started(folder, temporary) as preview,
        httpx.stream("GET", f"{preview.address}/preview/events", timeout=30) as events,
    ):
        told = next(line for line in events.iter_lines() if line.startswith("data: "))
        assert json.loads(told.removeprefix("data: "))["shown"] == 1
        assert preview.end(number) == 0
        assert preview.left_behind() == []


def test_nothing_of_the_author_s_own_site_is_touched(folder, temporary, tmp_path):
    """Neither the environment nor a file of settings leads to another database, queue or bucket."""
    data, database = tmp_path / "real", tmp_path / "real.sqlite3"
    data.mkdir()
    settings = tmp_path / "settings.env"
    settings.write_text(f"DATABASE_URL=sqlite:///{database}\nGRADUS_DATA_DIR={data}\nGRADUS_HOSTS=example.org\n")
    environment = {
        "DATABASE_URL": f"sqlite:///{database}",
        "GRADUS_DATA_DIR": str(data),
        "GRADUS_ENV_FILE": str(settings),
        "GRADUS_S3_BUCKET": "a-real-bucket",
        "GRADUS_PRODUCTION": "1",
        "GRADUS_SECRET_KEY": "x" * 60,
        "REDIS_URL": "redis://127.0.0.1:1/0",
    }
    with Started(folder, temporary, environment=environment) as preview:
        assert "Tiny" in preview.page()
        [place] = temporary.iterdir()
        with sqlite3.connect(place / "gradus.sqlite3") as used:
            assert used.execute("SELECT slug FROM courses_course").fetchall() == [("tiny",)]
        used.close()
        preview.end()
    assert not database.exists() and not list(data.iterdir())


def test_it_begins_with_a_folder_that_cannot_be_read(folder, temporary):
    good = (folder / "course.yaml").read_text()
    (folder / "course.yaml").write_text(f"{good}\n\tx: 1\n")
    with Started(folder, temporary) as preview:
        page = preview.page("/")
        assert "This folder cannot be read yet" in page and "course.yaml" in page
        assert "Show the last good content" not in page
        assert "1 problem, so there is nothing to show yet" in preview.said
        (folder / "course.yaml").write_text(good)
        preview.until_shown("Tiny", "/courses/tiny/")


def test_lint_is_on_a_page_of_the_preview(folder, temporary):
    (folder / "first" / "lesson.md").write_text("# First\n\n<!-- question: none -->\n")
    with Started(folder / "first", temporary) as preview:
        assert preview.first == "/lessons/first/"
        preview.until_shown("is no question that stands in the text", "/preview/")
        page = preview.page("/preview/")
        assert "lesson.md:3" in page and "Near-duplicate rows" in page


def test_what_is_no_folder_of_a_course_ends_with_status_2(tmp_path):
    done = ended("course", "preview", str(tmp_path), "--no-browser")
    assert done.returncode == 2 and "course.yaml, lesson.yaml, challenge.yaml" in done.stderr


def test_a_port_that_is_in_use_ends_with_status_2(folder, temporary):
    with Started(folder, temporary) as preview:
        port = preview.address.rpartition(":")[2]
        assert not ports.is_free("127.0.0.1", int(port))
        done = ended("challenge", "preview", str(folder / "first" / "ticket"), "--no-browser", "--port", port)
    assert done.returncode == 2 and "choose another one with --port" in done.stderr


def test_it_needs_the_core_installation_alone(folder, temporary):
    """The process loads neither torch nor what the workers bring, and asks no broker."""
    done = ended("course", "preview", "--help")
    assert done.returncode == 0 and "follow each saved file" in done.stdout
    with Started(folder, temporary) as preview:
        preview.page("/challenges/sea-or-sky/")
        maps = Path(f"/proc/{preview.process.pid}/maps").read_text()
    assert "_torch" not in maps and "transformers" not in maps
