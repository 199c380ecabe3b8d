"""What only a worker on another machine meets: a network, a token, a site that trusts nothing it sends."""

from __future__ import annotations

import io
import json
import threading
from dataclasses import asdict, replace
from datetime import timedelta

import httpx
import pytest
from django.core import signing
from django.core.files.storage import storages
from django.utils import timezone

from challenges.jobs import RAW, LeaseLost, Outcome, StoredFile
from gradus.courses import bundles
from gradus.fleet import calls, files, tokens
from gradus.fleet.models import ChoiceProposal, WorkerToken
from gradus.submissions import services
from gradus.submissions.models import EngineChoice, Evaluation, WorkerStatus
from tests import factories
from tests.workers.test_work import TableRunner
from tests.workers.transport.conftest import URL, answered
from workers.engine.choice import DEFAULT, Place
from workers.transport import http
from workers.transport.http import NotTaken, OverHttp, SiteAway, SiteRefuses, WrongAnswer, expect_address, token_from
from workers.transport.site import Report
from workers.worker import Worker

PROFILE = "cpu/float32/1"


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch):
    """A site that is away is asked again at once."""
    monkeypatch.setattr(http, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(http, "LONGEST_PAUSE_SECONDS", 0.01)
    monkeypatch.setitem(calls.LEASES, "grade", 1 / 3)


def claimed(site, lane="grade"):
    return site.claim(lane, site.name_of(lane), PROFILE, [])


# --- addresses and tokens ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://learn.example.org",
        "ftp://a.org",
        "learn.example.org",
        "",
        "https://",
        "http://127.0.0.1.evil.org",
        "https://a.org?x=1",
    ],
)
def test_a_token_is_sent_by_https_alone(url):
    with pytest.raises(SiteRefuses, match=r"https://learn\.example\.org"):
        expect_address(url)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://learn.example.org/", "https://learn.example.org"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
        ("http://localhost", "http://localhost"),
    ],
)
def test_plain_http_is_for_this_machine(url, address):
    assert expect_address(url) == address


def test_a_token_comes_from_a_file_that_others_cannot_read_or_from_the_environment(tmp_path):
    file = tmp_path / "token"
    file.write_text("gradus-worker-x\n")
    file.chmod(0o644)
    with pytest.raises(SiteRefuses, match="chmod 600"):
        token_from(file)
    file.chmod(0o600)
    assert token_from(file) == "gradus-worker-x"
    assert token_from(None, {"GRADUS_WORKER_TOKEN": " y "}) == "y"
    for wrong in (lambda: token_from(None, {}), lambda: token_from(tmp_path / "none")):
        with pytest.raises(SiteRefuses):
            wrong()


@pytest.mark.parametrize("case", ["wrong", "revoked", "ended", "of another machine", "older", "newer"])
def test_a_machine_that_the_site_does_not_want_is_told_what_to_do(case, token, elsewhere, network, data, monkeypatch):
    row, secret = token
    site = elsewhere
    match case:
        case "wrong":
            site = OverHttp(URL, "gradus-worker-other", transport=network)
        case "revoked":
            tokens.revoke(row)
        case "ended":
            WorkerToken.objects.filter(pk=row.pk).update(
                made_at=timezone.now() - timedelta(days=3), ends_at=timezone.now() - timedelta(days=1)
            )
        case "of another machine":
            elsewhere.hello()
            (data / "worker-machine").unlink()
            site = OverHttp(URL, secret, transport=network)
        case "older" | "newer":
            site.http.headers["Gradus-Protocol"] = "0" if case == "older" else "2"
    with pytest.raises(SiteRefuses) as refused:
        site.hello()
    assert len(str(refused.value).split()) > 5 and secret not in str(refused.value)


def test_a_lane_that_the_token_lacks_is_refused(network, data, db):
    _, secret = tokens.make("small", ["interactive"], timezone.now() + timedelta(days=1), None)
    site = OverHttp(URL, secret, waits=False, transport=network)
    for lane in ("grade", "judge"):
        with pytest.raises(SiteRefuses, match="interactive"):
            claimed(site, lane)


def test_a_machine_that_drains_gets_nothing(token, elsewhere, ada, course):
    factories.submit(ada)
    tokens.drain(token[0], True)
    assert claimed(elsewhere) is None
    tokens.drain(token[0], False)
    assert claimed(elsewhere) is not None


def test_revoking_ends_the_leases(token, elsewhere, ada, course):
    submission = factories.submit(ada)
    job = claimed(elsewhere)
    tokens.revoke(token[0])
    assert submission.current.state == "queued" and submission.current.attempt == 0
    assert not elsewhere.renew(job, elsewhere.name_of("grade"))
    with pytest.raises(SiteRefuses):
        elsewhere.record(job, Outcome(result={}, score=1.0), [])


def test_a_remote_lease_outlives_a_bad_network(elsewhere, ada, course):
    submission = factories.submit(ada)
    job = claimed(elsewhere)
    left = submission.current.lease_until - timezone.now()
    assert job.lease_seconds == calls.lease_seconds("grade") and timedelta(seconds=5) < left <= timedelta(seconds=20)
    assert calls.lease_seconds("train") >= 15 * 60


# --- what a site must not take ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "outcome",
    [
        {"result": {}, "score": 1.5},
        {"result": {}, "score": "NaN"},
        {"result": [], "score": 1.0},
        {"result": {}, "score": 1.0, "raw": "raw/999/1.json"},
        {"result": {}, "score": 1.0, "raw": "bundles/x.json"},
        {"result": {}, "score": 1.0, "artifact": "1/1/adapter.zip/../../x"},
        {"result": {}, "score": 1.0, "judge": ["m", "t"]},
        {"result": {"public": {"rows": "x"}}, "score": 1.0},
        {"score": 1.0},
    ],
)
def test_what_is_no_outcome_is_not_recorded(elsewhere, ada, course, outcome):
    submission = factories.submit(ada)
    job = claimed(elsewhere)
    with pytest.raises(NotTaken):
        elsewhere.call("record", {"id": job.id, "fence": job.fence, "items": [], "outcome": outcome}, 0)
    assert submission.current.state == "running"


def test_a_file_that_was_never_sent_is_not_named(elsewhere, ada, course):
    submission = factories.submit(ada)
    job = claimed(elsewhere)
    with pytest.raises(NotTaken):
        elsewhere.record(job, Outcome(result={}, score=1.0, raw=f"raw/{job.id}/{job.fence}.json"), [])
    assert submission.current.state == "running"


@pytest.mark.parametrize(
    ("call", "sent"),
    [
        ("claim", {"lane": 3, "profile": ""}),
        ("claim", {"lane": "grade", "profile": "x" * 81}),
        ("claim", {"lane": "grade", "profile": "", "more": 1}),
        ("renew", {"id": -1, "fence": 1}),
        ("renew", {"id": 2**70, "fence": 1}),
        ("postpone", {"id": 1, "fence": 1, "seconds": 1e300, "reason": "x"}),
        ("events", {"id": 1, "fence": 1, "items": [["x", {}]] * 501}),
        ("write", {"id": 1, "fence": 1, "what": "secret-key", "size": 1, "sha256": "0" * 64}),
        ("write", {"id": 1, "fence": 1, "what": "raw", "size": 1, "sha256": "../x"}),
        ("report", {"lane": "grade", "base_models": [], "number": 0}),
        ("nothing", {}),
    ],
)
def test_a_call_of_another_form_is_refused(elsewhere, call, sent):
    with pytest.raises((NotTaken, SiteRefuses)):
        elsewhere.call(call, sent, 0)


@pytest.mark.parametrize(
    "body", [b"{", b"\xff", b"[" * 5000, b'{"id": NaN, "fence": 1}', b'{"id": ' + b"9" * 6000 + b"}"]
)
def test_what_is_no_json_is_refused(elsewhere, network, body):
    headers = dict(elsewhere.http.headers)
    answer = network.client.generic("POST", "/api/workers/v1/renew", body, "application/json", headers=headers)
    assert answer.status_code in (400, 413, 422) and answer.json()["detail"]


def test_nobody_else_s_job_can_be_touched(elsewhere, ada, course):
    submission = factories.submit(ada)
    held = services.claim("grade", worker="beside:grade:1", profile=PROFILE)
    assert held is not None
    key = {"id": held.pk, "fence": held.fence}
    for call, more in (
        ("events", {"items": []}),
        ("record", {"items": [], "outcome": {"result": {}, "score": 1.0}}),
        ("reject", {"code": "timeout"}),
        ("give-back", {}),
        ("retry", {"seconds": 0}),
        ("postpone", {"seconds": 1, "reason": "x"}),
        ("read", {"store": "private", "name": bundles.path_of(submission.version.digest)}),
        ("write", {"what": "raw", "size": 1, "sha256": "0" * 64}),
        ("written", {"what": "raw", "size": 1, "sha256": "0" * 64}),
        ("keep", {"trained": {}}),
        ("another-can", {}),
    ):
        with pytest.raises(LeaseLost):
            elsewhere.call(call, {**key, **more}, 0)
    assert not elsewhere.call("renew", key, 0)["held"]
    assert submission.current.state == "running"


def test_a_job_reads_its_own_files_alone(elsewhere, ada, bob, course):
    factories.submit(ada)
    job = claimed(elsewhere)
    storages["private"].save("raw/999/1.json", io.BytesIO(b"secret"))
    for file in (
        StoredFile("private", "raw/999/1.json"),
        StoredFile("private", "../secret-key"),
        StoredFile("default", "x"),
    ):
        with pytest.raises(FileNotFoundError):
            elsewhere.read(job, file)


def test_an_address_is_for_one_token_and_one_claim(elsewhere, network, ada, course, data):
    factories.submit(ada)
    job = claimed(elsewhere)
    place = elsewhere.call("read", {"id": job.id, "fence": job.fence, "store": "private", "name": job.content.name}, 0)
    _, secret = tokens.make("other", ["grade"], timezone.now() + timedelta(days=1), None)
    other = OverHttp(URL, secret, transport=network)
    assert elsewhere.http.get(URL + place["url"]).status_code == 200
    assert other.http.get(URL + place["url"]).status_code == 404
    assert elsewhere.http.get(URL + place["url"][:-3]).status_code == 404
    elsewhere.give_back(job)
    assert elsewhere.http.get(URL + place["url"]).status_code == 409


def test_what_a_machine_says_of_its_weights_stops_no_worker_of_the_site(elsewhere):
    from workers.transport.beside import Beside

    elsewhere.report(Report(elsewhere.name_of("grade"), "grade", base_models={"m": "e" * 64}))
    assert Beside().other_weights("beside:grade:1", {"m": "d" * 64}) == {}


def test_a_machine_is_told_the_weights_of_workers_that_are_at_work(elsewhere):
    """Neither one that has ended nor one whose row was damaged stops or misleads another machine."""
    old = timezone.now() - timedelta(hours=1)
    WorkerStatus.objects.create(name="first:grade:1", lane="grade", base_models={"m": "a" * 64})
    WorkerStatus.objects.create(name="second:grade:1", lane="grade", base_models={"m": "b" * 64, "n": "c" * 64})
    WorkerStatus.objects.create(name="damaged:grade:1", lane="grade", base_models=["x"])
    WorkerStatus.objects.create(name="gone:grade:1", lane="grade", base_models={"o": "d" * 64}, last_seen=old)
    assert elsewhere.hello()["weights"] == {"m": "a" * 64, "n": "c" * 64}


def test_a_job_does_not_say_who_submitted(elsewhere, ada, course):
    submission = factories.submit(ada)
    job = json.dumps(http.JOBS.dump_python(claimed(elsewhere), mode="json"))
    assert not [name for name in (ada.email, ada.get_username(), str(submission.uuid)) if name in job]


def test_a_machine_that_leaves_changes_nothing_of_another_one(elsewhere, network, data, ada, course):
    submission = factories.submit(ada)
    assert claimed(elsewhere) is not None
    elsewhere.report(Report(elsewhere.name_of("grade"), "grade"))
    _, secret = tokens.make("lab", ["grade"], timezone.now() + timedelta(days=1), None)
    OverHttp(URL, secret, transport=network).leave("grade")
    assert submission.current.state == "running"
    assert WorkerStatus.objects.filter(name=elsewhere.name_of("grade")).exists()


def test_measurements_and_the_judges_lane_stay_beside_the_site(elsewhere, ada, course):
    submission = factories.submit(ada)
    Evaluation.objects.filter(submission=submission).update(fair_share_rank=2_000_001)
    assert claimed(elsewhere) is None
    assert services.claim("grade", worker="beside:grade:1", profile=PROFILE) is not None


# --- a bad network ----------------------------------------------------------------------------------------------------


def failing(times, raised=None, only=None):
    """Breaks so many requests, of the call `only` if it is given."""
    left = [times]

    def breaks(request):
        if left[0] > 0 and (only is None or request.url.path.endswith(only)):
            left[0] -= 1
            if raised is not None:
                raise raised
            return answered(502, b"<html>Bad gateway</html>")
        return None

    return breaks


def losing(times, only):
    left = [times]

    def loses(request):
        if left[0] > 0 and request.url.path.endswith(only):
            left[0] -= 1
            return True
        return False

    return loses


@pytest.mark.parametrize("raised", [None, httpx.ConnectError("refused"), httpx.ReadTimeout("late")])
def test_a_site_that_is_away_for_a_while_gets_its_result(elsewhere, network, ada, course, model_is_here, raised):
    submission = factories.submit(ada)
    worker = Worker("grade", elsewhere, runner=TableRunner())
    network.breaks = failing(9, raised, only="/record")
    assert worker.step()
    assert submission.current.state == "scored" and network.asked.count("record") == 10


@pytest.mark.parametrize(
    "call",
    ["record", "reject", "give-back", "retry", "postpone", "written", "write", "read", "events", "report", "keep"],
)
def test_a_lost_answer_changes_nothing_twice(elsewhere, network, ada, course, call):
    submission = factories.submit(ada)
    job = claimed(elsewhere)
    network.loses = losing(1, f"/{call}")
    content = b'{"hidden": []}'
    match call:
        case "record":
            elsewhere.record(job, Outcome(result={}, score=0.5), [])
            elsewhere.record(job, Outcome(result={}, score=0.9), [])
            assert submission.current.score.value == 0.5
        case "reject":
            elsewhere.reject(job, "timeout", None)
            assert submission.current.state == "failed"
        case "give-back":
            elsewhere.give_back(job)
            assert (submission.current.state, submission.current.attempt) == ("queued", 0)
        case "retry":
            elsewhere.retry(job, 0)
            assert (submission.current.state, submission.current.attempt) == ("queued", 1)
        case "postpone":
            with pytest.raises(LeaseLost):
                elsewhere.postpone(job, 5, "not_idle")
            assert (submission.current.state, submission.current.attempt) == ("queued", 0)
        case "written" | "write":
            assert elsewhere.write(job, RAW, io.BytesIO(content)) == f"raw/{job.id}/{job.fence}.json"
        case "read":
            assert elsewhere.bundle(job).digest == job.digest
        case "events":
            with pytest.raises(SiteAway):
                elsewhere.append_events(job, [("progress", {"stage": "public", "done": 0, "total": 1})])
        case "report":
            elsewhere.report(Report(elsewhere.name_of("grade"), "grade"))
            assert WorkerStatus.objects.filter(name=elsewhere.name_of("grade")).exists()
        case "keep":
            name = elsewhere.write(job, "trained", io.BytesIO(content))
            elsewhere.keep_trained(job, {"file": name})
            assert submission.current.trained == {"file": name}


def test_a_job_whose_answer_was_lost_comes_again_and_costs_no_try(elsewhere, network, ada, course):
    submission = factories.submit(ada)
    network.loses = losing(1, "/claim")
    with pytest.raises(SiteAway):
        claimed(elsewhere)
    assert submission.current.state == "running"
    job = claimed(elsewhere)
    assert job is not None and (job.attempt, job.fence) == (1, 2)


def test_a_worker_that_was_killed_gets_its_job_again_at_once_and_it_costs_a_try(elsewhere, network, token, ada, course):
    submission = factories.submit(ada)
    assert claimed(elsewhere) is not None
    again = OverHttp(URL, token[1], waits=False, transport=network)
    job = claimed(again)
    assert job is not None and (job.attempt, submission.current.attempt) == (2, 2)


def test_a_worker_that_ends_leaves_nothing(elsewhere, ada, course):
    submission = factories.submit(ada)
    assert claimed(elsewhere) is not None
    elsewhere.report(Report(elsewhere.name_of("grade"), "grade"))
    elsewhere.leave("grade")
    assert (submission.current.state, submission.current.attempt) == ("queued", 0)
    assert not WorkerStatus.objects.exists()


def test_a_large_file_goes_in_parts_and_goes_on_where_it_broke_off(elsewhere, network, ada, course, monkeypatch):
    monkeypatch.setattr(http, "PART_BYTES", 1000)
    factories.submit(ada)
    job = claimed(elsewhere)
    content = bytes(range(250)) * 40
    parts = []

    def breaks(request):
        if request.method == "PUT":
            parts.append(int(request.headers["Upload-Offset"]))
            if len(parts) in (4, 5):
                raise httpx.WriteError("cut")
        return

    network.breaks = breaks
    name = elsewhere.write(job, RAW, io.BytesIO(content))
    with storages["private"].open(name) as file:
        assert file.read() == content
    assert parts == [0, 1000, 2000, 3000, 3000, 3000, 4000, 5000, 6000, 7000, 8000, 9000]


def test_a_file_that_breaks_off_is_read_on(elsewhere, network, ada, course):
    factories.submit(ada)
    job = claimed(elsewhere)
    with storages["private"].open(job.content.name) as file:
        content = file.read()
    begun = []

    def breaks(request):
        if request.method != "GET":
            return None
        begin = int(request.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        begun.append(begin)
        if begin < 600:
            return answered(206, content[begin : begin + 300])
        return None

    network.breaks = breaks
    with elsewhere.read(job, job.content) as file:
        assert file.read() == content
    assert begun == [0, 300, 600]


def test_a_file_with_another_content_is_not_kept(elsewhere, network, ada, course):
    factories.submit(ada)
    job = claimed(elsewhere)
    sent = {"id": job.id, "fence": job.fence, "what": "raw", "size": 3, "sha256": "0" * 64}
    place = elsewhere.call("write", sent, 0)
    elsewhere._send_parts(place["url"], io.BytesIO(b"abc"), 0, 3)
    with pytest.raises(SiteAway, match="another digest"):
        elsewhere.call("written", sent, 0)
    assert elsewhere.call("write", sent, 0)["offset"] == 0
    assert not storages["private"].exists(f"raw/{job.id}/{job.fence}.json")


def test_a_disk_that_fills_is_a_site_that_is_away(elsewhere, ada, course, monkeypatch):
    factories.submit(ada)
    job = claimed(replace_lease(elsewhere))

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(SiteAway, match="no room"):
        elsewhere.write(replace(job, lease_seconds=0), RAW, io.BytesIO(b"abc"))
    monkeypatch.undo()
    assert elsewhere.write(job, RAW, io.BytesIO(b"abc"))


def replace_lease(site):
    return site


def test_an_address_that_is_no_site_is_said(elsewhere, network):
    network.breaks = lambda request: answered(200, b"<html>Welcome</html>")
    with pytest.raises(WrongAnswer, match="not as a site of Gradus"):
        elsewhere.hello()


@pytest.mark.parametrize("lost", ["on_hidden_rows", "gives_way", "payload"])
def test_a_job_of_another_release_is_refused_with_what_to_do(elsewhere, network, ada, course, lost):
    """A release without the field would grade other rows than the site wants, and could not know it."""
    factories.submit(ada)

    job = json.loads(json.dumps(asdict(claimed(elsewhere)), default=str))
    del job[lost]
    answer = answered(200, json.dumps({"job": job}).encode())
    network.breaks = lambda request: answer if request.url.path.endswith("/claim") else None
    with pytest.raises(WrongAnswer, match="Install its release on this machine"):
        claimed(elsewhere)


def test_nothing_is_waited_for_once_the_worker_ends(token, network, data):
    ending = threading.Event()
    site = OverHttp(URL, token[1], ending=ending, transport=network)
    site.hello()
    ending.set()
    network.breaks = failing(10**6)
    with pytest.raises(SiteAway):
        site.call("hello", {}, 900)
    assert network.asked.count("hello") == 2


def test_no_row_is_left_on_the_machine(elsewhere, ada, course, model_is_here, data):
    factories.submit(ada)
    worker = Worker("grade", elsewhere, runner=TableRunner())
    assert worker.step()
    hidden = json.loads(bundles.load(course_version()).to_json())["hidden"]
    kept = b"".join(file.read_bytes() for file in data.rglob("*") if file.is_file())
    assert hidden and not any(row["input"].encode() in kept for row in hidden)
    assert elsewhere.bundle is not None and not hasattr(worker, "assignment")


def course_version():
    from gradus.courses.models import ChallengeVersion

    return ChallengeVersion.objects.filter(spec__kind="prompt").order_by("pk").first()


# --- choices of the engine --------------------------------------------------------------------------------------------


def test_a_choice_counts_once_a_second_machine_has_measured_the_same(elsewhere, network, data):
    place = Place("d" * 64, "a CPU", 2, "cpu", "torch 2")
    assert elsewhere.choices.find(place) is None
    assert elsewhere.choices.keep(place, DEFAULT) == DEFAULT
    assert ChoiceProposal.objects.count() == 1 and not EngineChoice.objects.exists()
    _, secret = tokens.make("lab-2", ["grade"], timezone.now() + timedelta(days=1), None)
    other = OverHttp(URL, secret, transport=network)
    assert other.choices.keep(place, DEFAULT) == DEFAULT
    assert EngineChoice.objects.get().digest == DEFAULT.digest
    assert elsewhere.choices.find(place) == DEFAULT


def test_a_choice_for_another_place_than_it_says_is_refused(elsewhere):
    place = {"model": "m", "cpu": "c", "threads": 1, "device": "cpu", "versions": "v"}
    with pytest.raises(NotTaken):
        elsewhere.call("propose-choice", {"key": "0" * 32, "place": place, "digest": "d", "choice": {}}, 0)


def test_addresses_are_signed_for_this_door(elsewhere, ada, course):
    factories.submit(ada)
    job = claimed(elsewhere)
    forged = signing.dumps([1, job.id, job.fence, "private", "secret-key", None], salt="other")
    assert elsewhere.http.get(f"{URL}/api/workers/v1/files/{forged}").status_code == 404
