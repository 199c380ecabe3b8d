"""A broken request for a file delays neither other requests nor grades."""

from __future__ import annotations

import threading
from typing import Any
from unittest.mock import MagicMock

import pytest

from gradus.accounts.models import User
from gradus.courses import bundles
from gradus.courses.models import Course
from gradus.submissions.models import Evaluation, FileLink
from gradus.submissions.services import file_links, handed_in
from tests import factories
from workers import recorder


@pytest.fixture
def held(ada: User, course: Course) -> Evaluation:
    return factories.claimed(factories.submit(ada))


def asked(held: Evaluation, name: str) -> FileLink:
    return FileLink.objects.create(evaluation=held, fence=held.fence, store="private", name=name)


@pytest.mark.parametrize("trained", [[1], "a file", 7, {"file": [1]}, {}, None])
def test_what_a_worker_says_that_it_has_trained_may_be_anything(held: Evaluation, trained: Any) -> None:
    Evaluation.objects.filter(pk=held.pk).update(trained=trained)
    link = asked(held, f"trained/{held.pk}/1.zip")
    assert file_links.sign_all() == 1
    link.refresh_from_db()
    assert link.refused


def test_a_file_that_cannot_be_signed_delays_no_other(held: Evaluation, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (asked(held, bundles.path_of(held.version.digest)) for _ in range(2))

    def signed(link: FileLink) -> str:
        if link.pk == first.pk:
            raise RuntimeError
        return "https://bucket.example.org/signed"

    monkeypatch.setattr(file_links, "_signed", signed)
    assert file_links.sign_all() == 2 and file_links.sign_all() == 0
    first.refresh_from_db()
    second.refresh_from_db()
    assert first.refused and second.url == "https://bucket.example.org/signed"


def test_grades_are_recorded_before_files_are_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    stop, done = threading.Event(), list[str]()

    def sign() -> None:
        stop.set()
        raise RuntimeError

    monkeypatch.setattr(recorder, "connection", MagicMock())
    monkeypatch.setattr(handed_in, "record_all", lambda: done.append("recorded"))
    monkeypatch.setattr(file_links, "sign_all", sign)
    recorder.Recorder(stop).run()
    assert done == ["recorded"]
