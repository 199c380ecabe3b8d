import hashlib
import json
import shutil
from dataclasses import replace
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import DatabaseError
from django.utils import timezone

from challenges.kinds.base import Lane
from gradus.courses.models import ChallengeVersion
from gradus.operations import base_models
from gradus.operations.doctor import grading, machine, results, site
from gradus.operations.management.commands import up
from gradus.submissions.models import ReconcilerStatus, WorkerStatus
from tests import factories
from workers.engine.choice import DEFAULT
from workers.transport.choices import DatabaseChoices
from workers.worker import runner_of


def levels(found):
    return {finding.name: finding.level for finding in found}


@pytest.fixture
def model(data_dir):
    """Files as after a conversion, tiny."""
    for name in base_models.wanted():
        folder = base_models.folder(name)
        folder.mkdir(parents=True)
        for file in base_models.FILES:
            (folder / file).write_bytes(b"weights")
        (folder / "digest.txt").write_text(hashlib.sha256(b"weights").hexdigest() + "\n")
    return folder


@pytest.fixture
def all_at_work(db):
    for lane in [*Lane]:
        WorkerStatus.objects.create(name=f"w-{lane}", lane=lane, device="cpu", judge="judge-1")


def test_a_check_that_crashes_is_a_failed_result():
    def broken_check():
        raise RuntimeError("boom")

    found = results.run_checks([broken_check])
    assert [(finding.level, finding.name) for finding in found] == [("fail", "broken check")]
    assert "boom" in found[0].text


def test_an_old_python_and_a_full_disk_are_failures(data_dir, monkeypatch):
    assert levels(machine.python()) == {"python": "ok"}
    assert levels(machine.packages())["packages"] == "ok"
    monkeypatch.setattr(machine.sys, "version_info", (3, 10, 1))
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1e8}))
    assert levels([*machine.python(), *machine.disk()]) == {"python": "fail", "disk": "fail"}


@pytest.mark.parametrize(
    ("gib", "cores", "limit", "level"),
    [
        (7.6, 2, None, "ok"),
        (3.9, 2, None, "warn"),
        (7.6, 1, None, "warn"),
        (64, 8, "max", "ok"),
        (64, 8, 4 << 30, "warn"),
    ],
)
def test_a_machine_that_is_too_small_is_told(gib, cores, limit, level, tmp_path, monkeypatch):
    has_pages(gib, monkeypatch)
    monkeypatch.setattr(machine.os, "cpu_count", lambda: cores)
    monkeypatch.setattr(machine, "MEMORY_LIMIT", tmp_path / "memory.max")
    if limit is not None:
        machine.MEMORY_LIMIT.write_text(f"{limit}\n")
    assert levels(machine.memory_and_cores()) == {"size": level}


def has_pages(gib, monkeypatch):
    """The machine says that it has so much memory."""
    sizes = {"SC_PHYS_PAGES": int(gib * 1024**2 / 4), "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr(machine.os, "sysconf", sizes.__getitem__)


def test_a_start_on_a_small_machine_says_so_and_goes_on(console, screen, data_dir, monkeypatch):
    has_pages(3.5, monkeypatch)
    done = []
    for step in ("protect", "migrate", "publish_course", "collect_static"):
        monkeypatch.setattr(up.first_start, step, lambda *_, step=step: done.append(step))
    up.Command().prepare(console, no_model=True)
    assert "This machine has 3.5 GiB of memory" in screen.getvalue()
    assert "--lanes interactive,grade" in screen.getvalue() and "The site starts all the same." in screen.getvalue()
    assert done == ["protect", "migrate", "publish_course", "collect_static"]


def test_secrets_that_others_can_read_are_told(data_dir):
    (data_dir / "secret-key").touch(mode=0o644)
    (data_dir / "secret-key").chmod(0o644)
    found = list(machine.data_folder())
    assert levels(found) == {"data folder": "warn"}
    assert "secret-key" in found[0].text
    (data_dir / "secret-key").chmod(0o600)
    assert levels(machine.data_folder()) == {"data folder": "ok"}


def test_a_trainer_that_is_set_and_not_installed_is_told(settings, monkeypatch):
    settings.TRAINER = "trl"
    monkeypatch.setattr(grading, "find_spec", lambda name: None)
    monkeypatch.setattr(grading, "call_command", lambda *given, stdout, **more: stdout.write("{}"))
    warned = [found.text for found in grading.engine() if found.level == "warn"]
    assert warned == ["GRADUS_TRAINER is trl, which is not installed here: Gradus trains by its own steps"]


def test_changed_weights_are_a_failure_and_a_missing_model_says_how_to_get_it(model):
    assert levels(grading.model_files()) == {"model": "ok"}
    for change, said in (
        (lambda: (model / "model.safetensors").write_bytes(b"other weights"), "damaged"),
        (lambda: shutil.rmtree(model.parent), "make models"),
    ):
        change()
        (told,) = grading.model_files()
        assert (told.name, told.level) == ("model", "fail") and said in f"{told.text} {told.hint}"


def engine_results():
    return [(finding.level, finding.name, finding.text) for finding in grading.engine()]


def test_the_engine_of_each_model_here_is_told_with_its_reason(db, model, monkeypatch):
    monkeypatch.delenv("GRADUS_ENGINE", raising=False)
    (level, name, text), training = engine_results()
    assert (level, name) == ("ok", "engine") and "not measured yet" in text
    assert training[:2] == ("ok", "training") and "float32; GRADUS_TRAINING_DTYPE" in training[2]
    choice = replace(DEFAULT, timings={"flash": 0.25})
    DatabaseChoices().keep(runner_of("grade", DatabaseChoices()).place(base_models.wanted()[0]), choice)
    assert engine_results()[0] == ("ok", "engine", f"{base_models.wanted()[0]}: {choice.reason}")
    monkeypatch.setenv("GRADUS_ENGINE", "plain")
    assert "GRADUS_ENGINE is plain" in engine_results()[0][2]


def test_without_a_model_or_a_database_the_engine_is_no_riddle(db, data_dir, settings, monkeypatch):
    settings.TRAINING_DTYPE = "bfloat16"
    ((level, name, text),) = engine_results()
    assert (level, name) == ("ok", "training") and text.startswith("in bfloat16")

    def away(*_, **__):
        raise DatabaseError

    monkeypatch.setattr(grading, "call_command", away)
    assert engine_results() == [("fail", "engine", "unknown, because the database does not answer")]


def test_a_worker_not_seen_for_long_and_one_that_cannot_work_are_told(all_at_work):
    assert levels(grading.workers()) == {**{f"lane {lane}": "ok" for lane in [*Lane]}, "judge": "ok"}
    WorkerStatus.objects.filter(lane="train").update(last_seen=timezone.now() - timedelta(minutes=5))
    WorkerStatus.objects.create(name="there:grade:7", lane="grade", problem="The runner has failed 3 times in a row.")
    found = {finding.name: finding for finding in grading.workers()}
    assert (found["lane grade"].level, found["lane train"].level) == ("ok", "warn")
    assert found["worker there:grade:7"].level == "warn"
    assert found["worker there:grade:7"].text == "The runner has failed 3 times in a row."


def test_a_judge_that_does_not_work_is_a_failure_and_no_judge_is_none(all_at_work, settings):
    WorkerStatus.objects.filter(lane="judge").update(problem="The judge endpoint refuses the key (401).")
    found = {finding.name: finding for finding in grading.workers()}
    assert found["judge"].level == found["lane judge"].level == "fail"
    assert "401" in found["judge"].text
    WorkerStatus.objects.all().delete()
    settings.JUDGE_MODEL = ""
    assert levels(grading.workers())["judge"] == "warn"


def test_a_broker_that_does_not_answer_is_a_failure(settings, monkeypatch):
    from gradus.celery import app

    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    monkeypatch.setattr(app.conf, "broker_url", settings.REDIS_URL)
    monkeypatch.setattr(app.conf, "broker_write_url", settings.REDIS_URL)
    assert levels(grading.message_broker()) == {"broker": "fail"}


def test_a_site_without_a_course_or_with_lost_files_is_a_failure(db, settings, tmp_path, request):
    assert levels(site.database()) == {"database": "ok", "course": "fail"}
    request.getfixturevalue("course")
    assert levels(site.database())["course"] == "warn"
    store = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": tmp_path / "empty"}}
    settings.STORAGES = {**settings.STORAGES, "private": store}
    (told,) = [finding for finding in site.database() if finding.name == "course"]
    assert told.level == "fail" and "files are missing from private storage" in told.text


def test_hidden_sets_in_a_public_place_are_a_failure(settings, tmp_path):
    settings.MEDIA_ROOT = str(tmp_path)
    assert levels(site.configuration()) == {"settings": "fail"}


def test_json_is_for_machines_and_the_status_tells(db, data_dir, capsys):
    with pytest.raises(SystemExit) as end:
        call_command("doctor", "--json")
    assert end.value.code == 1
    found = json.loads(capsys.readouterr().out)
    assert {"level", "name", "text", "hint"} == set(found[0])
    assert all(item["hint"] for item in found if item["level"] != "ok")


def test_lines_are_for_people(course, model, all_at_work, grace, capsys):
    call_command("doctor")
    out = capsys.readouterr().out
    assert "0 failed" in out
    assert "lane interactive" in out


def test_isolation_is_tried_and_what_is_missing_is_told(data_dir, monkeypatch):
    found = list(grading.isolation())
    held = grading._confinement()
    assert levels(found).keys() == ({"runner"} if held["gpu"] is None else {"runner", "gpu"})
    lacking = list(grading._lacking(held))
    assert (found[0].level == "ok") is (not lacking)

    monkeypatch.setattr(grading, "_confinement", lambda: {**held, "network": False, "landlock": 0, "sockets": False})
    worse = list(grading.isolation())
    assert levels(worse) == {"runner": "warn"}
    assert all(text in worse[0].text for text in ("network namespace", "no Landlock", "no seccomp filter"))


def test_what_a_gpus_driver_answers_is_told(data_dir, monkeypatch):
    """This machine may have no GPU: then torch says why CUDA does not start, in one line."""
    held = grading._confinement()
    monkeypatch.setenv("GRADUS_DEVICE", "cuda")
    answer = grading._confinement()["gpu"]
    assert "\n" not in answer
    monkeypatch.setattr(grading, "_confinement", lambda: {**held, "gpu": answer})
    told = list(grading.isolation())[-1]
    assert (told.name, told.level) == ("gpu", "fail" if answer else "ok") and answer in told.text
    monkeypatch.setattr(grading, "_confinement", lambda: {**held, "gpu": ""})
    assert levels(grading.isolation())["gpu"] == "ok"


def test_a_reconciler_that_does_not_run_is_told(db):
    assert levels(grading.reconciler()) == {"reconciler": "warn"}
    ReconcilerStatus.objects.create(name="here:1")
    assert levels(grading.reconciler()) == {"reconciler": "ok"}
    ReconcilerStatus.objects.update(broken={"without_current": 1})
    assert levels(grading.reconciler()) == {"reconciler": "fail"}
    ReconcilerStatus.objects.update(last_run=timezone.now() - timedelta(minutes=3))
    assert levels(grading.reconciler()) == {"reconciler": "warn"}


def test_what_a_version_lacks_is_told_with_the_baseline_that_missed(course):
    version = factories.challenge("sea-or-sky").version
    rows = [
        {"file": ref.file, "score": 0.5, "ok": ref.min is None, "provisional": False, "problem": ref.missed(0.5)}
        for ref in version.parsed.baselines
    ]
    ChallengeVersion.objects.filter(pk=version.pk).update(baselines=rows)
    ChallengeVersion.objects.update(linted_at=timezone.now())
    told = [finding for finding in site._content() if finding.name == "course"]
    assert len(told) == 3 and all(finding.level == "warn" for finding in told)
    assert told[0].text == (
        "sea-or-sky 1.0.0 is published, but not verified on this server: baselines/good.yaml scored 0.50 (rounded "
        "down), below its min of 0.63; baselines/lora.yaml scored 0.50 (rounded down), below its min of 0.70"
    )
    assert "has not run on this server yet" in told[1].text and "import_course" in told[1].hint
    ChallengeVersion.objects.update(verified_at=timezone.now())
    assert [finding.text for finding in site._content() if finding.name == "course"] == [
        "1 published, 3 challenges, all verified"
    ]
