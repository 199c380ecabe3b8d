"""A site is backed up while learners submit and workers grade; another site restores the backup and goes on."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.faults.conftest import clean, drain
from tests.faults.site import ROOT, Site, open_site
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


def manage(site: Site, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "manage.py", *words]
    return subprocess.run(argv, cwd=ROOT, env=site.env | env, capture_output=True, text=True, check=False)


def done(site: Site, *words: str) -> str:
    ran = manage(site, *words)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def acknowledged(site: Site) -> set[str]:
    lines = [line.split("\t") for path in (site.folder / "acks").iterdir() for line in path.read_text().splitlines()]
    return {line[0] for line in lines if line[1:2] == ["taken"]}


@pytest.fixture(scope="module")
def busy(server):
    """A site with graded and open submissions, and more still arriving."""
    with open_site(server) as site:
        site.start(workers=2, reconcilers=1)
        site.submit(learners=3, each=1)
        drain(site)
        site.submit(learners=6, each=4, word="slow")
        wait_until(lambda: len(acknowledged(site)) > 16)
        yield site


def test_every_submission_at_the_time_is_there_and_open_ones_run_to_their_end(busy, server, tmp_path):
    before, target = acknowledged(busy), tmp_path / "backup.tar"
    done(busy, "backup", str(target))
    assert len(acknowledged(busy)) < 27, "nobody submitted any more; the test shows nothing"
    with open_site(server) as copy:
        answer = manage(copy, "restore", str(target))
        assert answer.returncode == 1 and "--force" in answer.stderr, answer.stderr
        done(copy, "restore", str(target), "--force")
        kept = copy.evaluations()
        assert before <= {row["submission__idempotency_key"] for row in kept}
        assert {"scored"} < {row["state"] for row in kept}, "nothing was open; the test shows nothing"
        raw = {path.relative_to(copy.folder) for path in (copy.folder / "private" / "raw").rglob("*.json")}
        assert len(raw) >= sum(row["state"] == "scored" for row in kept)
        copy.start(workers=3, reconcilers=1)
        drain(copy)
        (copy.folder / "acks" / "before").write_text("".join(f"{key}\ttaken\t0\n" for key in before))
        counts = clean(copy.history())
        assert counts["scored"] == counts["accepted"] == len(kept)


@pytest.fixture(scope="module")
def whole(busy, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "backup"
    done(busy, "backup", str(folder))
    return folder


@pytest.mark.parametrize("harm", ["database", "file", "gone", "manifest", "newer"])
def test_a_broken_backup_changes_nothing(whole, server, tmp_path, harm):
    broken = tmp_path / "broken"
    subprocess.run(["cp", "-r", str(whole), str(broken)], check=True)
    told = json.loads((broken / "manifest.json").read_text())
    victim = broken / (
        told["database"]["path"] if harm == "database" else next(iter(told["files"]["private"].values()))["path"]
    )
    if harm == "gone":
        victim.unlink()
    elif harm == "manifest":
        (broken / "manifest.json").unlink()
    elif harm == "newer":
        (broken / "manifest.json").write_text(json.dumps({**told, "migrations": ["submissions.9999_later"]}))
    else:
        content = bytearray(victim.read_bytes())
        content[len(content) // 2] ^= 1
        victim.write_bytes(content)
    with open_site(server) as copy:
        files = sorted(str(path) for path in (copy.folder / "private").rglob("*"))
        answer = manage(copy, "restore", str(broken), "--force")
        assert answer.returncode == 1 and "Traceback" not in answer.stderr
        wanted = {"manifest": "no manifest.json", "newer": "submissions.9999_later", "gone": "is missing"}
        assert wanted.get(harm, "differs from its digest") in answer.stderr
        assert copy.evaluations() == []
        assert sorted(str(path) for path in (copy.folder / "private").rglob("*")) == files


def test_a_load_that_breaks_off_leaves_the_old_state(whole, server, tmp_path):
    """The digests are right, but the content cannot be loaded."""
    import hashlib

    broken = tmp_path / "broken"
    subprocess.run(["cp", "-r", str(whole), str(broken)], check=True)
    told = json.loads((broken / "manifest.json").read_text())
    database = broken / told["database"]["path"]
    database.write_bytes(database.read_bytes()[: database.stat().st_size // 2])
    digest = hashlib.sha256(database.read_bytes()).hexdigest()
    told["database"] |= {"size": database.stat().st_size, "sha256": digest}
    (broken / "manifest.json").write_text(json.dumps(told))
    with open_site(server) as copy:
        users = copy.evaluations()
        answer = manage(copy, "restore", str(broken), "--force")
        assert answer.returncode == 1 and "Traceback" not in answer.stderr, answer.stderr
        assert copy.evaluations() == users == []
        done(copy, "rebuild", "--check")


def test_a_site_at_work_is_not_replaced(busy, whole):
    answer = manage(busy, "restore", str(whole), "--force")
    assert answer.returncode == 1
    assert "Stop the web server, the workers and the reconciler" in answer.stderr


def test_the_secret_key_is_left_out_unless_asked_for(busy, whole, tmp_path):
    assert not (whole / "secret-key").exists()
    answer = manage(busy, "backup", str(tmp_path / "with"), "--with-secret-key")
    assert (tmp_path / "with" / "secret-key").read_text() == (busy.folder / "secret-key").read_text()
    assert "with which a person can log in as anybody" in answer.stderr


def test_an_existing_target_and_lost_files_are_told(busy, whole, tmp_path):
    answer = manage(busy, "backup", str(whole))
    assert answer.returncode == 1 and "exists" in answer.stderr
    bundle = next((busy.folder / "private" / "bundles").iterdir())
    content = bundle.read_bytes()
    bundle.unlink()
    try:
        answer = manage(busy, "backup", str(tmp_path / "lacking"))
        assert answer.returncode == 1 and f"private/bundles/{bundle.name}" in answer.stderr
        assert not (tmp_path / "lacking").exists() and list(tmp_path.iterdir()) == []
        assert manage(busy, "backup", str(tmp_path / "lacking"), "--incomplete").returncode == 0
    finally:
        bundle.write_bytes(content)
