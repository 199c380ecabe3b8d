"""A challenge about test sets goes from its folder to a graded page, with a base model of a table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from graders.base import Score, Scored
from gradus.accounts.models import User
from gradus.learn.kinds.evaluate import UPLOAD_BYTES, read_file
from gradus.submissions.models import Run, Standing, Submission
from tests.challenges.factory import write_rows
from tests.challenges.kinds.evaluate_bundle import AIMED, PLAIN, PUBLIC, SEA, rows_of, write_evaluate_challenge
from tests.kinds.conftest import Cli, ImportCourse, api, graded
from tests.kinds.rag_engine import Engine
from tests.markup import Markup

pytestmark = pytest.mark.django_db(transaction=True)
LEARN = "/challenges/find-the-fault/"
HIDDEN = ("secret", "healthy-", "drops capitals", "reads the beginning", "Sea or sky")


class SaysSea(Engine):
    """Says `sea` to a text with a word of the sea, and `sky` to every other."""

    def run(self, item: Any, *, on_event: Any, should_stop: Any, seconds: float) -> Scored:
        assert isinstance(item, Score)
        is_sea = [any(word in text.casefold() for word in SEA) for text in item.suffixes]
        return Scored([[-0.1, -3.0] if sea else [-3.0, -0.1] for sea in is_sea], [9] * len(is_sea), 0.01)


@pytest.fixture
def course(import_course: ImportCourse) -> None:
    import_course("find-the-fault", write_evaluate_challenge)


def form(*rows: tuple[str, str], **changes: Any) -> dict[str, Any]:
    texts = {"example_input": [text for text, _ in rows], "example_output": [label for _, label in rows]}
    return {"kind": "evaluate", "key": "1", **texts, **changes}


def test_a_run_shows_practice_systems_and_a_submission_the_shares(
    course: None, ada: User, ada_client: Client, bob_client: Client
) -> None:
    page = Markup(ada_client.get(LEARN).content.decode())
    assert "4 hidden systems have a defect and 2 are healthy" in page and "reads three words" in page
    assert "Try on practice systems" in page and "Use as example" not in page and "stay hidden, grade you" not in page

    ran = ada_client.post(f"{LEARN}run", form(*AIMED[:3], ("those kites were far above us", "sea"), key="2"))
    run = Run.objects.get(user=ada)
    waiting = Markup(ada_client.get(ran.url).content.decode())
    assert "Practice systems" in waiting and "wave broke" not in waiting
    assert graded(run, SaysSea()).state == "scored"
    shown = Markup(ada_client.get(ran.url).content.decode())
    assert "It fails, which is a false alarm." in shown and "no healthy system agrees" in shown
    assert "Every healthy practice system gives another label." in shown

    sent = ada_client.post(f"{LEARN}submit", form(*AIMED, ("", ""), key="3"))
    submission = Submission.objects.get()
    assert submission.payload == rows_of(*AIMED)
    assert graded(submission, SaysSea()).state == "scored"
    result = Markup(ada_client.get(sent.url).content.decode())
    assert "4 of 4" in result and "0 of 2 healthy systems" in result and "1.00" in result and "Gold" in result
    standing = Standing.objects.get(user=ada)
    assert (standing.track, standing.shown, standing.passed) == ("evaluate", 1.0, True)
    everything = [page, waiting, shown, result, json.dumps(graded(submission, SaysSea()).result)]
    assert not [word for word in HIDDEN for text in everything if word in text]

    taken = ada_client.get(f"/submissions/{submission.uuid}/test-set.jsonl").content.decode()
    assert [json.loads(line) for line in taken.splitlines()] == rows_of(*AIMED)["rows"]
    assert bob_client.get(f"/submissions/{submission.uuid}/test-set.jsonl").status_code == 404
    again = Markup(ada_client.get(LEARN).content.decode())
    assert AIMED[0][0] in again


def test_a_refusal_stands_beside_its_row(course: None, ada_client: Client) -> None:
    bad = [PLAIN[0], PUBLIC[0], ("", "sky"), PLAIN[0], ("the moon is out", "moon")]
    first = ada_client.post(f"{LEARN}submit", form(*bad))
    assert first.status_code == 422 and "This row needs a text and a label" in Markup(first.content.decode())
    refused = ada_client.post(f"{LEARN}submit", form(*bad[:2], *bad[3:]))
    page = Markup(refused.content.decode())
    assert refused.status_code == 422 and not Submission.objects.exists()
    for control, said in (
        ("ei-2", "public sample 1"),
        ("ei-3", "the same words as row 1"),
        ("eo-4", "labels sea, sky"),
    ):
        beside = page[page.find(f'id="{control}-problem"') :][:400]
        assert said in beside, (control, beside)
    assert "the moon is out" in page


CSV = ("\ufeffinput,output\n" + "".join(f'"{text}",{label}\n' for text, label in AIMED)).encode()
LINES = "".join(json.dumps(row) + "\n" for row in rows_of(*AIMED)["rows"]).encode()


@pytest.mark.parametrize("data", [CSV, LINES])
def test_a_file_is_read_as_csv_or_json_lines(data: bytes) -> None:
    rows, problems = read_file(data, 8)
    assert ([row.model_dump() for row in rows], problems) == (rows_of(*AIMED)["rows"], [])


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"input": "x", "output": "sea"}\n' * 10_000, "keep 8 rows at most"),
        (b"input,output\n" + b"x,sea\n" * 10_000, "keep 8 rows at most"),
        (b"text,label\nx,sea\n", "lacks the columns input and output"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"x" * (UPLOAD_BYTES + 1), "too_long"),
    ],
)
def test_a_file_that_cannot_be_read_has_a_problem(data: bytes, said: str) -> None:
    _, problems = read_file(data, 8)
    assert said in str([(one.what, one.fix, one.code) for one in problems])


def test_a_file_takes_the_place_of_typed_rows_or_says_beside_it_why_not(course: None, ada_client: Client) -> None:
    bad = SimpleUploadedFile("rows.csv", b"text,label\nx,sea\n")
    sent = ada_client.post(f"{LEARN}submit", form(*PLAIN, rows_file=bad))
    page = Markup(sent.content.decode())
    assert sent.status_code == 422
    assert "lacks the columns input and output" in page[page.find('id="rows_file-problem"') :][:600]
    assert not Submission.objects.exists()
    sent = ada_client.post(f"{LEARN}submit", form(*PLAIN, rows_file=SimpleUploadedFile("rows.csv", CSV)))
    assert sent.status_code == 302, Markup(sent.content.decode())
    assert Submission.objects.get().payload == rows_of(*AIMED)


def test_the_api_and_the_command_line_take_it(course: None, ada: User, cli: Cli, tmp_path: Path) -> None:
    client = api(ada)
    shown = client.get("/api/v1/challenges/find-the-fault").json()
    assert shown["details"]["evaluate"]["systems"] == {"with_defect": 4, "healthy": 2}
    assert not [word for word in HIDDEN if word in json.dumps(shown)]
    url = "/api/v1/challenges/find-the-fault/submissions"
    many = rows_of(*((f"row {n}", "sea") for n in range(10_000)))
    wrong = client.post(url, many, content_type="application/json")
    assert (wrong.status_code, wrong.json()["problems"][0]["code"]) == (422, "too_many_rows"), wrong.content[:300]
    wrong = client.post(url, rows_of(*PLAIN, PLAIN[0]), content_type="application/json")
    assert [(p["field"], p["line"], p["code"]) for p in wrong.json()["problems"]] == [("rows", 5, "repeated")]
    made = client.post(url, rows_of(*PLAIN), content_type="application/json")
    assert made.status_code == 201, made.content
    graded(Submission.objects.get(), SaysSea())
    found = client.get(f"/api/v1/submissions/{made.json()['uuid']}").json()
    assert (found["score"], found["feedback"]["shown"]["exposed"]) == (0.0, [0, 4])

    write_rows(tmp_path / "rows.jsonl", rows_of(*AIMED)["rows"])
    done = cli("submit", "find-the-fault", "--rows", tmp_path / "rows.jsonl")
    assert done.exit_code == 0, done.output
    assert Submission.objects.latest("pk").payload == rows_of(*AIMED)
