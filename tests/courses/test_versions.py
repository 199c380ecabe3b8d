"""One number, one content; drafts; what this server verified and what a bundle only says of itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.test import Client

from challenges.reading import read_course
from gradus.accounts.models import StaffAction, User
from gradus.cli import plugins
from gradus.courses import verification
from gradus.courses.models import Challenge, ChallengeVersion, Course
from gradus.courses.services import import_course, publish
from gradus.courses.versions import VersionRefused
from gradus.submissions import services
from gradus.submissions.models import Evaluation, Run, Score
from gradus.submissions.services.finish import LeaseLost
from tests import factories
from tests.challenges.factory import put_tokenizer, write_course, write_gold

pytestmark = pytest.mark.django_db
GOOD = {"score": 0.7, "ok": True, "problem": "", "provisional": False, "cost": {}, "training": {}, "seconds": 1}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_course(tmp_path / "mine")


@pytest.fixture
def live(folder: Path) -> Course:
    return publish(read_course(folder))


def edit(folder: Path, version: str | None = None, **changes: Any) -> None:
    """Changes `sea-or-sky`: keys of its challenge.yaml, and its version."""
    path = folder / "first/sea-or-sky/challenge.yaml"
    spec = {**yaml.safe_load(path.read_text()), **changes, **({"version": version} if version else {})}
    path.write_text(yaml.safe_dump(spec, sort_keys=False))


def turn_labels(folder: Path, count: int = 2) -> list[str]:
    """Turns hidden labels; says which rows they are of."""
    path = folder / "first/sea-or-sky/hidden.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows[:count]:
        row["target"] = "sea" if row["target"] == "sky" else "sky"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return [row["id"] for row in rows[:count]]


def newest(slug: str = "sea-or-sky") -> ChallengeVersion:
    return ChallengeVersion.objects.filter(challenge__slug=slug).latest("pk")


def verify(version: ChallengeVersion) -> None:
    """As if every baseline had run and reached its bounds."""
    for ref in version.parsed.baselines:
        verification.record(version.pk, {"file": ref.file, "kind": "prompt", "approach": "zero-shot", **GOOD})


def test_other_content_under_the_same_number_is_refused(live: Course, folder: Path, ada: User) -> None:
    """Twelve hidden labels had been changed this way without a word."""
    factories.grade(factories.submit(ada), 0.8)
    ids = turn_labels(folder)
    before = ChallengeVersion.objects.count()
    with pytest.raises(VersionRefused) as refused:
        publish(read_course(folder))
    text = str(refused.value)
    assert "sea-or-sky: the site already has a version 1.0.0 with other content" in text
    assert f"hidden.jsonl: 2 targets changed ({', '.join(ids)})" in text
    assert "Version 1.0.0 has 1 score." in text
    assert "Raise `version:` in challenge.yaml to 1.0.1 or more" in text
    assert "I saw" not in text
    assert ChallengeVersion.objects.count() == before


def test_a_lower_number_is_refused_by_number_and_not_by_text(live: Course, folder: Path) -> None:
    edit(folder, "1.10.0", gold=0.9)
    publish(read_course(folder))
    edit(folder, "1.9.0", gold=0.7)
    with pytest.raises(VersionRefused, match=r"version 1\.10\.0(.|\n)*to 1\.10\.1 or more"):
        publish(read_course(folder))
    edit(folder, "1.11.0")
    publish(read_course(folder))
    assert factories.challenge("sea-or-sky").version.version == "1.11.0"


def test_a_content_that_was_replaced_does_not_come_back_under_its_old_number(live: Course, folder: Path) -> None:
    before = read_course(folder)
    edit(folder, "1.1.0", gold=0.9)
    publish(read_course(folder))
    with pytest.raises(VersionRefused, match=r"this is version 1\.0\.0, but the site already has version 1\.1\.0"):
        publish(before)


def test_the_same_content_is_imported_again_and_again(live: Course, folder: Path) -> None:
    (folder / "first/sea-or-sky/statement.md").write_text("Said better.\n")
    publish(read_course(folder))
    version = factories.challenge("sea-or-sky").version
    assert (version.statement, ChallengeVersion.objects.count()) == ("Said better.\n", 3)


def test_lost_files_do_not_hide_that_a_number_is_taken(live: Course, folder: Path, settings: Any) -> None:
    for path in (Path(settings.STORAGES["private"]["OPTIONS"]["location"]) / "bundles").iterdir():
        path.unlink()
    from gradus.courses import bundles

    bundles.of_digest.cache_clear()
    turn_labels(folder)
    with pytest.raises(VersionRefused, match="private storage has lost the content"):
        publish(read_course(folder))


def test_the_database_takes_a_number_once(live: Course) -> None:
    first = newest()
    first.pk, first.digest = None, "e" * 64
    with pytest.raises(IntegrityError), transaction.atomic():
        first.save()


def test_an_older_course_does_not_replace_a_newer_one(live: Course, folder: Path) -> None:
    Course.objects.update(version="1.10.0")
    with pytest.raises(
        VersionRefused, match=r"tiny: this is version 1\.0\.0, but the site already has version 1\.10\.0"
    ):
        publish(read_course(folder))


def test_a_new_course_is_a_draft_that_nobody_sees(folder: Path, client: Client) -> None:
    import_course(read_course(folder), linted=True)
    assert all(version.is_draft for version in ChallengeVersion.objects.all())
    paths = ("/challenges/sea-or-sky/", "/lessons/first/", "/courses/tiny/", "/api/v1/challenges/sea-or-sky")
    assert [client.get(path).status_code for path in paths] == [404] * len(paths)
    assert "Sea or sky" not in client.get("/").content.decode()


def test_learners_go_on_with_the_published_version_until_the_draft_is_verified(
    live: Course, folder: Path, client: Client, ada: User
) -> None:
    edit(folder, "1.1.0", title="Renamed")
    import_course(read_course(folder), linted=True)
    assert "Renamed" not in client.get("/challenges/sea-or-sky/").content.decode()
    assert factories.submit(ada).version.version == "1.0.0"
    verify(newest())
    page = client.get("/challenges/sea-or-sky/").content.decode()
    assert "Renamed" in page and "Author's results" not in page
    assert (newest().is_verified, newest().is_draft) == (True, False)


def test_a_draft_is_not_verified_without_similarity(folder: Path) -> None:
    import_course(read_course(folder), linted=False)
    verify(newest())
    assert newest().is_draft and not newest().is_verified
    assert "not checked: similarity" in verification.lacking(newest())[0]
    import_course(read_course(folder), linted=True)
    assert newest("sea-or-sky").is_draft is False


def test_the_database_verifies_nothing_without_lint(live: Course) -> None:
    with pytest.raises(IntegrityError, match="verified_after_lint"), transaction.atomic():
        ChallengeVersion.objects.update(verified_at="2026-01-01T00:00Z")


def test_a_draft_gives_way_to_other_content_under_its_number(live: Course, folder: Path) -> None:
    """Nobody was graded by it. What learners see stays as it is."""
    edit(folder, "1.1.0")
    import_course(read_course(folder), linted=True)
    draft = newest()
    services.verify(draft)
    running = services.claim("grade", worker="w", profile="cpu")
    assert running is not None and running.version == draft
    turn_labels(folder)
    import_course(read_course(folder), linted=True)
    assert not ChallengeVersion.objects.filter(pk=draft.pk).exists() and not Run.objects.exists()
    replaced = newest()
    assert (replaced.version, replaced.is_draft, replaced.digest == draft.digest) == ("1.1.0", True, False)
    assert factories.challenge("sea-or-sky").version.version == "1.0.0"
    with pytest.raises(LeaseLost):
        services.record(running.pk, running.fence, services.Outcome(score=0.4, result={}))
    assert services.verify(replaced) == 3
    verification.publish(replaced)
    turn_labels(folder, 4)
    with pytest.raises(VersionRefused, match=r"already has a version 1\.1\.0 with other content"):
        import_course(read_course(folder), linted=True)


def test_a_missed_bound_leaves_a_draft_and_says_by_how_much(folder: Path, grace_client: Client) -> None:
    import_course(read_course(folder), linted=True)
    version = newest()
    verify(version)
    version = newest("ticket")
    first, last = (ref.file for ref in version.parsed.baselines)
    row = {"kind": "prompt", "approach": "zero-shot", **GOOD}
    verification.record(version.pk, {"file": first, **row})
    verification.record(
        version.pk, {"file": last, **row, "score": 0.5, "ok": False, "problem": "below its min of 0.63"}
    )
    version.refresh_from_db()
    assert version.is_draft
    assert verification.lacking(version) == [f"{last} scored 0.50 (rounded down), below its min of 0.63"]
    admin = grace_client.get(f"/admin/courses/challengeversion/{version.pk}/change/").content.decode()
    assert "scored 0.50 (rounded down), below its min of 0.63" in admin and "draft, not verified here" in admin


def test_a_provisional_grade_verifies_nothing(folder: Path) -> None:
    write_gold(next(folder.rglob("explain/challenge.yaml")).parent, calibration=40)
    import_course(read_course(folder), linted=True)
    version = newest("explain")
    for ref in version.parsed.baselines:
        row = {"kind": "free_text", "approach": "free_text", **GOOD, "provisional": True}
        verification.record(version.pk, {"file": ref.file, **row})
    version.refresh_from_db()
    assert not version.is_verified and "no judge has passed the gate" in verification.lacking(version)[0]


def test_a_question_that_people_grade_lacks_marked_answers_and_has_not_failed(folder: Path) -> None:
    challenge = next(folder.rglob("explain/challenge.yaml")).parent
    write_gold(challenge, calibration=3)
    import_course(read_course(folder), linted=True)
    version = newest("explain")
    for ref in version.parsed.baselines:
        row = {"kind": "free_text", "approach": "free_text", **GOOD, "provisional": True, "ok": False}
        verification.record(version.pk, {"file": ref.file, **row})
    version.refresh_from_db()
    (line,) = verification.lacking(version)
    assert not version.is_verified and "people grade this question" in line and "37 more marked answers" in line
    checks = [one for one in services.progress([version]).checks[version.pk] if one.what == "baseline"]
    assert [(one.state, one.said) for one in checks] == [("passed", "")] * len(version.parsed.baselines)


def test_a_draft_that_is_verified_late_does_not_replace_a_newer_version(live: Course, folder: Path) -> None:
    edit(folder, "1.1.0")
    import_course(read_course(folder), linted=True)
    late = newest()
    edit(folder, "1.2.0")
    import_course(read_course(folder), linted=True, unverified=["sea-or-sky"])
    verify(late)
    late.refresh_from_db()
    assert late.is_verified and late.is_draft
    assert factories.challenge("sea-or-sky").version.version == "1.2.0"


def test_results_that_a_bundle_brings_along_are_the_author_s(folder: Path, client: Client) -> None:
    bundle = read_course(folder)
    digest = bundle.lessons[0].challenges[0].digest
    row = {"file": "baselines/good.yaml", "kind": "prompt", "approach": "few-shot", "score": 0.93, "ok": True}
    measured = {"baselines": {"sea-or-sky": {"digest": digest, "results": [row]}}}
    (folder / "first/measured.json").write_text(json.dumps(measured))
    publish(read_course(folder))
    version = newest()
    assert (version.author_baselines, version.baselines, version.is_verified) == ([row], [], False)
    page = client.get("/challenges/sea-or-sky/").content.decode()
    assert "Author's results" in page and "the author&#x27;s results" in page.replace("'", "&#x27;")
    assert "AI-verified" not in page and "0.93" not in page.split("Three approaches")[0]
    assert "AI-verified" not in client.get("/lessons/first/").content.decode()
    assert client.get("/api/v1/challenges/sea-or-sky").json()["verified"] is False


def test_a_lesson_counts_what_is_verified_here(live: Course, folder: Path, client: Client) -> None:
    import_course(read_course(folder), linted=True)
    verify(factories.challenge("sea-or-sky").version)
    text = client.get("/lessons/first/").content.decode()
    assert "3 challenges for this lesson" in text and text.count("Author's results") == 3
    assert text.count("marks a challenge whose example attempts this server has not yet run itself") == 1


# --- manage.py import_course ----------------------------------------------------------------------------------------


@pytest.fixture
def similarity(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """In the place of the check that needs a model. The tokenizer of the courses' base model is here."""
    monkeypatch.setenv("GRADUS_DATA_DIR", str(tmp_path / "data"))
    put_tokenizer(tmp_path / "data")

    def use(found: Any) -> None:
        def load(name: str) -> Any:
            if isinstance(found, Exception):
                raise found
            return lambda bundle: found

        monkeypatch.setattr("gradus.cli.authors.load", load)

    return use


def test_an_import_queues_each_baseline_once(folder: Path, similarity: Any, capsys: Any) -> None:
    similarity([])
    call_command("import_course", str(folder))
    runs = Run.objects.filter(purpose="baseline", version__challenge__slug="sea-or-sky").order_by("pk")
    assert [run.label for run in runs] == [f"baselines/{name}.yaml" for name in ("weak", "good", "lora")]
    assert {run.user for run in runs} == {None}
    call_command("import_course", str(folder))
    assert Run.objects.filter(purpose="baseline").count() == 7
    text = capsys.readouterr().out
    assert "sea-or-sky 1.0.0: draft" in text and "learners do not see this challenge yet" in text
    assert "baselines/weak.yaml has not run on this server yet" in text


def test_an_import_that_is_to_be_brief_prints_one_line(folder: Path, similarity: Any, capsys: Any) -> None:
    similarity([])
    call_command("import_course", str(folder), verbosity=0)
    (line,) = capsys.readouterr().out.splitlines()
    assert "0 of 3 challenges verified on this server; 7 baselines queued now." in line
    assert Run.objects.filter(purpose="baseline").count() == 7


def test_an_import_does_what_lint_does(folder: Path, similarity: Any) -> None:
    from challenges.problems import Problem

    similarity([Problem("hidden.jsonl", 3, "nearly the same as public.jsonl:1", "rewrite one")])
    with pytest.raises(CommandError, match=r"hidden\.jsonl:3: nearly the same as public\.jsonl:1"):
        call_command("import_course", str(folder))
    assert not Course.objects.exists()


def test_without_the_worker_extra_an_import_says_what_was_not_checked(
    folder: Path, similarity: Any, capsys: Any
) -> None:
    similarity(plugins.MissingExtra("`torch` is missing"))
    call_command("import_course", str(folder))
    text = capsys.readouterr().out
    assert "not checked: similarity (`torch` is missing)" in text
    assert newest().is_draft and newest().linted_at is None


def test_without_the_models_tokenizer_an_import_says_what_was_not_checked(
    folder: Path, similarity: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any
) -> None:
    similarity([])
    monkeypatch.setenv("GRADUS_DATA_DIR", str(tmp_path / "empty"))
    call_command("import_course", str(folder))
    told = "not checked: lengths of hidden rows (the tokenizer of smollm2-135m-instruct is not here)"
    assert told in capsys.readouterr().out
    assert newest().is_draft and newest().linted_at is None
    assert "or lengths of hidden rows" in verification.lacking(newest())[0]


def test_versions_are_compared_before_lint(live: Course, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lint took minutes, and then the import was refused for its number."""
    monkeypatch.setattr("gradus.cli.authors.load", lambda name: pytest.fail("lint has run"))
    turn_labels(folder)
    with pytest.raises(CommandError, match="already has a version"):
        call_command("import_course", str(folder))


@pytest.mark.parametrize("part", ["first", "first/sea-or-sky", "nowhere"])
def test_what_is_no_course_is_refused_in_a_sentence(folder: Path, similarity: Any, part: str) -> None:
    similarity([])
    with pytest.raises(CommandError, match=r"has no course\.yaml\. Give the folder of a whole course\."):
        call_command("import_course", str(folder / part))


def test_a_course_that_cannot_be_read_is_told_with_all_problems(folder: Path, similarity: Any) -> None:
    similarity([])
    edit(folder, title=7)
    (folder / "first/ticket/public.jsonl").unlink()
    with pytest.raises(CommandError) as refused:
        call_command("import_course", str(folder))
    assert "sea-or-sky/challenge.yaml:7: `title`" in str(refused.value) and "public.jsonl" in str(refused.value)


def test_one_challenge_is_published_unverified(folder: Path, similarity: Any, client: Client) -> None:
    similarity([])
    with pytest.raises(
        CommandError, match=r"has no challenge tickets\. Its challenges are: sea-or-sky, ticket, explain"
    ):
        call_command("import_course", str(folder), "--unverified", "ticket", "tickets")
    call_command("import_course", "--unverified", "ticket", str(folder))
    found = {name: client.get(f"/challenges/{name}/").status_code for name in ("sea-or-sky", "ticket", "explain")}
    assert found == {"sea-or-sky": 404, "ticket": 200, "explain": 404}
    entry = StaffAction.objects.get(what="course_imported")
    assert entry.details["published_unverified"] == ["ticket 1.0.0"]
    call_command("import_course", str(folder), "--unverified")
    assert client.get("/challenges/sea-or-sky/").status_code == 200


def test_unverified_publishes_says_so_and_is_logged(folder: Path, similarity: Any, client: Client, capsys: Any) -> None:
    similarity([])
    call_command("import_course", str(folder), "--unverified")
    page = client.get("/challenges/sea-or-sky/").content.decode()
    assert "Author's results" in page
    entry = StaffAction.objects.get(what="course_imported")
    assert entry.details["published_unverified"] == ["sea-or-sky 1.0.0", "ticket 1.0.0", "explain 1.0.0"]
    assert "sea-or-sky 1.0.0: published, not verified" in capsys.readouterr().out
    assert Evaluation.objects.filter(run__purpose="baseline").exists() and not Score.objects.exists()


def test_a_refused_import_says_so_and_changes_nothing(live: Course, folder: Path, similarity: Any) -> None:
    similarity([])
    turn_labels(folder)
    with pytest.raises(CommandError, match=r"Nothing was imported\.(.|\n)*2 targets changed"):
        call_command("import_course", str(folder))
    assert Challenge.objects.get(slug="sea-or-sky").versions.count() == 1
