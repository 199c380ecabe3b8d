"""`gradus challenge fmt -u` on each broken bundle: no traceback, no other digest, and what it cannot read stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from challenges.authoring.formatting import form_of
from challenges.reading import BundleErrors, read_challenge
from tests.hostile.bundles.breaking import Broken
from tests.hostile.bundles.harness import broken
from tests.hostile.bundles.table import CASES
from tests.pace import within


def digests(root: Path) -> dict[Path, str]:
    found = {}
    for file in sorted(root.rglob("challenge.yaml")):
        try:
            found[file] = read_challenge(file.parent).digest
        except BundleErrors:
            continue
    return found


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_is_put_in_form_as_far_as_it_can_be_read(case: Broken, tmp_path: Path) -> None:
    root = broken(case, tmp_path)
    before = digests(root)
    with within(40):
        found = form_of(root)
    unread = {Path(problem.file): Path(problem.file).read_bytes() for problem in found.unreadable}
    found.write()
    assert before.items() <= digests(root).items()
    assert {file: file.read_bytes() for file in unread} == unread
    assert all(problem.what and problem.fix for problem in found.unreadable)
    assert form_of(root).changed == {}
