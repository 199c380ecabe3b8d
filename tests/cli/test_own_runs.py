"""Rows of an own run on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradus.accounts.models import User
from gradus.submissions.models import Submission
from tests import factories
from tests.cli.conftest import Gradus
from tests.own_run.course import published, quoting, ran

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("home")]


def test_rows_are_listed_and_quoted(gradus: Gradus, as_ada: User, tmp_path: Path) -> None:
    published(tmp_path / "tiny")
    assert "no run of yours" in gradus("own-runs", "explain").output
    first, second = ran(as_ada), ran(as_ada)
    listed = gradus("own-runs", "explain")
    assert listed.exit_code == 0 and str(first.uuid) in listed.output and "I saw a wave today" in listed.output
    file = tmp_path / "answer.txt"
    file.write_text(factories.FREE_TEXT["answer"])
    quoted = ("--quote", "p0-sea", "--quote", "p0-sky")
    assert gradus("run", "explain", str(file)).exit_code == 1
    assert gradus("submit", "explain", str(file), *quoted).exit_code == 0
    assert Submission.objects.get().payload == quoting(second)
    done = gradus("submit", "explain", str(file), *quoted, "--of-run", str(first.uuid), "--yes")
    assert done.exit_code == 0, done.output
    assert Submission.objects.latest("pk").payload == quoting(first)
    for wrong, said in (
        (("--quote", "p99"), "no row p99"),
        ((*quoted, "--of-run", "00000000-0000-4000-8000-000000000000"), "no such run"),
    ):
        done = gradus("submit", "explain", str(file), *wrong)
        assert done.exit_code == 1 and said in done.output
