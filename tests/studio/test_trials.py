"""Authors run submissions on the public rows of their draft: in the queue, as learners do, and nobody else may."""

from __future__ import annotations

from html import unescape
from typing import Any

import pytest
from django.test import Client

from gradus.accounts.models import User
from gradus.accounts.token_rules import Content, Scope
from gradus.courses import bundles, publishing
from gradus.courses.models import Challenge, Course
from gradus.studio import workspace
from gradus.submissions.models import Evaluation, Run
from gradus.submissions.states import State
from tests import factories
from tests.conftest import logged_in
from tests.markup import Markup
from tests.studio.test_pages import LOOKS, at, editor, seen
from tests.studio.test_workspace import course

__all__ = ["course", "editor"]
pytestmark = pytest.mark.django_db
PATH = "first/sea-or-sky"
PUBLIC = f"{PATH}/public.jsonl"


# What verifies the versions is nobody's.
RUNS = Run.objects.exclude(user=None)


def tiny() -> Course:
    return Course.objects.get(slug="tiny")


@pytest.fixture
def drafted(editor: Client) -> Client:
    """The draft has another first public row than what is live."""
    text = workspace.read(tiny(), PUBLIC).text
    assert text is not None
    changed = text.replace("I saw a", "We both saw a", 1)
    editor.post(at("file", path=PUBLIC), {"text": changed, "seen": seen(PUBLIC), "action": "save"})
    editor.post(at("draft"), {"note": ""})
    assert publishing.draft_of(tiny()) is not None
    return editor


def test_a_baseline_runs_on_the_public_rows_of_the_draft(drafted: Client) -> None:
    page = Markup(drafted.get(at("try", path=PATH)).content.decode())
    assert "baselines/good.yaml" in page and "the draft, version 1.0.1" in page
    answer = drafted.post(at("try", path=PATH), {"baseline": "baselines/good.yaml", "text": ""})
    run = RUNS.get()
    assert answer["Location"] == f"/runs/{run.uuid}/"
    assert (run.purpose, run.payload["instructions"]) == ("trial", "Sea or sky?")
    assert run.version.is_draft and run.version.samples[0].input.startswith("We both saw a")
    assert Evaluation.objects.get(run=run).state == State.QUEUED, "nothing runs in the web process"
    assert LOOKS.filter(details__file=f"{PATH}/baselines/good.yaml").count() == 1
    shown = drafted.get(answer["Location"]).content.decode()
    assert not any(one.input in shown for one in bundles.load(run.version).hidden)


def test_a_typed_submission_runs_and_what_is_wrong_with_it_stands_beside_it(drafted: Client) -> None:
    typed = "kind: prompt\ninstructions: Say where it is.\n"
    drafted.post(at("try", path=PATH), {"baseline": "", "text": typed})
    assert RUNS.get().payload["instructions"] == "Say where it is."
    for text in (
        "",
        "kind: prompt\nno_such_key: 1\n",
        "- a list",
        'kind: prompt\ninstructions: "a\\0b"\n',
        "kind: rag\n",
    ):
        answer = drafted.post(at("try", path=PATH), {"baseline": "", "text": text})
        assert answer.status_code == 422 and text.strip() in unescape(answer.content.decode()), text
    assert RUNS.count() == 1


def test_rows_of_a_typed_submission_may_stand_in_a_file_of_the_challenge_alone(drafted: Client) -> None:
    sent = "kind: tune\nrows_file: {}\n"
    drafted.post(at("try", path=PATH), {"baseline": "", "text": sent.format("train.jsonl")})
    assert RUNS.filter(kind="tune").count() == 1
    for name in ("../ticket/train.jsonl", "/etc/passwd"):
        answer = drafted.post(at("try", path=PATH), {"baseline": "", "text": sent.format(name)})
        assert answer.status_code == 422
    assert RUNS.count() == 1


def test_a_challenge_that_was_never_live_is_tried_too(drafted: Client) -> None:
    Challenge.objects.filter(slug="sea-or-sky").update(version=None)
    answer = drafted.post(at("try", path=PATH), {"baseline": "baselines/weak.yaml", "text": ""}, follow=True)
    assert answer.status_code == 200 and RUNS.count() == 1


def test_what_has_no_public_rows_leads_back(drafted: Client) -> None:
    for path in ("first/explain", "../x", "a\0b", ""):
        assert drafted.get(at("try", path=path)).status_code in (302, 400)


def test_a_draft_that_is_discarded_takes_its_runs_along(drafted: Client) -> None:
    drafted.post(at("try", path=PATH), {"baseline": "baselines/weak.yaml", "text": ""})
    draft: Any = publishing.draft_of(tiny())
    drafted.post(at("discard"), {"digest": draft.digest})
    assert publishing.draft_of(tiny()) is None
    assert drafted.get(at("studio")).status_code == 200


@pytest.mark.parametrize("levels", [(Content.PREVIEWER,), (Content.VIEWER,)])
def test_only_editors_try(drafted: Client, ada: User, levels: tuple[Content]) -> None:
    factories.enrol(ada, tiny(), Scope(*levels))
    client = logged_in(ada)
    assert client.get(at("try", path=PATH)).status_code == 403
    assert client.post(at("try", path=PATH), {"baseline": "baselines/weak.yaml"}).status_code == 403
    assert not RUNS.exists()
