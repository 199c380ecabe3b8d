import re

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from gradus.accounts.models import User
from gradus.courses import catalogue
from gradus.courses.models import ChallengeVersion, Lesson
from gradus.fleet.jobs import job_of
from gradus.laboratory import runs as finding_runs
from gradus.submissions import durations, services
from gradus.submissions.budgets import limits
from gradus.submissions.durations import Duration
from gradus.submissions.models import Run, Slot
from tests import factories
from tests.learn.costs.compared import with_authors
from tests.learn.findings import made_up
from tests.markup import Markup
from tests.submissions.test_durations import ended

ADDRESS = "/lessons/first/findings/few-shot/"
RUNS = f"{ADDRESS}runs"
HTMX = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def lesson(db, tmp_path):
    return made_up.lesson(tmp_path / "c")


def finish() -> None:
    """A worker does all that is open, in the order of the queue."""
    while (claimed := services.claim("interactive", worker="worker-1", profile="cpu")) is not None:
        result = factories.result_for(claimed.run)
        services.record(claimed.pk, claimed.fence, services.Outcome(result=result))


def started() -> list[tuple[str, int]]:
    return [(run.arm, run.repetition) for run in Run.objects.order_by("pk")]


def test_a_learner_starts_the_prompt_arms_of_the_next_set(ada, ada_client, lesson):
    response = ada_client.post(RUNS)
    assert (response.status_code, response.url) == (302, ADDRESS)
    zero, few = Run.objects.order_by("pk")
    assert {run.user for run in (zero, few)} == {ada} and {run.purpose for run in (zero, few)} == {"finding"}
    assert (zero.finding, zero.arm, zero.repetition) == ("few-shot", "zero", 1)
    assert (few.finding, few.arm, few.repetition, few.label) == ("few-shot", "few", 1, "Two examples set 1")
    assert zero.payload["examples"] == [] and [e["output"] for e in few.payload["examples"]] in (
        ["sea", "sky"], ["sky", "sea"],
    )  # fmt: skip
    train = {row["input"] for row in few.version.train}
    assert {example["input"] for example in few.payload["examples"]} <= train
    # Hidden rows have no part in it.
    assert not any(job_of(run.current).on_hidden_rows for run in (zero, few))
    finish()
    ada_client.post(RUNS)
    # What is run once is not run again with the next set.
    assert started() == [("zero", 1), ("few", 1), ("few", 2)]


def test_a_visitor_may_as_well_and_keeps_the_runs(client, lesson):
    client.post(RUNS, {"repetition": "3"})
    guest = User.objects.get()
    assert guest.is_guest and started() == [("zero", 1), ("few", 3)]
    assert "0 of 2 runs have ended." in Markup(client.get(ADDRESS).content.decode())
    assert Slot.objects.of(limits.OPEN_RUNS).filter(user=guest).count() == 2


def test_the_same_set_is_not_run_twice(ada_client, lesson):
    ada_client.post(RUNS, {"repetition": "2"})
    response = ada_client.post(RUNS, {"repetition": "2"})
    assert response.status_code == 409 and "You have already run this one" in Markup(response.content.decode())
    assert started() == [("zero", 1), ("few", 2)]


def test_a_run_that_failed_is_started_again(ada_client, lesson):
    ada_client.post(RUNS, {"repetition": "2"})
    claimed = services.claim("interactive", worker="worker-1", profile="cpu")
    services.reject(claimed.pk, claimed.fence, "internal")
    finish()
    assert "press the button again" in Markup(ada_client.get(ADDRESS).content.decode()).lower()
    assert ada_client.post(RUNS, {"repetition": "2"}).status_code == 302
    assert started() == [("zero", 1), ("few", 2), ("zero", 1)]


@pytest.mark.parametrize("text", ["0", "6", "-1", "1.5", "x", "²", "9" * 5000])
def test_a_set_that_there_is_not_is_refused_in_words(ada_client, lesson, text):
    response = ada_client.post(RUNS, {"repetition": text})
    assert response.status_code == 422 and "Choose" in Markup(response.content.decode())
    assert 'id="finding-few-shot"' in Markup(response.content.decode()) and not Run.objects.exists()


def test_as_many_start_as_may_be_open_and_the_rest_later(ada_client, lesson):
    for number in "123":
        ada_client.post(RUNS, {"repetition": number})
    ada_client.post("/lessons/first/findings/order/runs", {"repetition": "1"})
    ada_client.post("/lessons/first/findings/order/runs", {"repetition": "2"})
    # Two of the six were left for the first, none for the second.
    assert len(started()) == Slot.objects.of(limits.OPEN_RUNS).count() == 6
    response = ada_client.post("/lessons/first/findings/order/runs", {"repetition": "2"})
    assert response.status_code == 429 and "Wait for one to end" in Markup(response.content.decode())
    assert int(response["Retry-After"]) > 0


def test_what_could_not_start_is_counted_and_started_by_the_next_press(ada, ada_client, lesson):
    version = factories.challenge("sea-or-sky").version
    for _ in range(5):
        services.start_run(ada, version, factories.PROMPT)
    ada_client.post(RUNS, {"repetition": "1"})
    assert "1 more run can be started once these have ended" in Markup(ada_client.get(ADDRESS).content.decode())
    finish()
    ada_client.post(RUNS)
    mine = Run.objects.filter(purpose="finding").order_by("pk").values_list("arm", "repetition")
    assert list(mine) == [("zero", 1), ("few", 1)]
    assert "can be started once" not in Markup(ada_client.get(ADDRESS).content.decode())


def test_results_stand_beside_the_authors_scores_on_public_rows(ada_client, lesson):
    ada_client.post(RUNS, {"repetition": "2"})
    finish()
    text = Markup(ada_client.get("/lessons/first/").content.decode())
    mine = text[text.index('id="finding-few-shot-runs"') :]
    assert "2 of 2 runs have ended." in mine and "hx-get" not in mine[: mine.index(">")]
    assert "Macro F1 on 4 public rows" in mine
    # A ring for each of the learner's scores, beside the author's 0.60 on public rows, and never 0.62 on hidden ones.
    assert re.findall(r'href="#ring-([a-z]+)" x="([\d.]+)%', mine) == [("circle", "75.00"), ("square", "75.00")]
    cells = re.findall(
        r'<th scope="row" lang="en">(.*?)</th><td>(.*?)</td><td[^>]*>(.*?)</td><td[^>]*>(.*?)</td>', mine
    )
    assert cells == [("No examples", "once", "0.75", "0.50"), ("Two examples", "set 2", "0.75", "0.60")]
    assert "0.62" not in mine[: mine.index("</table>")]


def test_the_page_asks_again_only_while_something_is_open_and_new(ada_client, lesson):
    text = Markup(ada_client.post(RUNS, {"repetition": "1"}, **HTMX).content.decode())
    address = re.search(r'hx-get="([^"]+)"', text)[1]
    assert ada_client.get(address, **HTMX).status_code == 204
    finish()
    answer = ada_client.get(address, **HTMX)
    assert answer.status_code == 200 and "hx-get" not in Markup(answer.content.decode())


def test_htmx_gets_a_refusal_beside_the_runs(ada_client, lesson):
    ada_client.post(RUNS, {"repetition": "2"})
    response = ada_client.post(RUNS, {"repetition": "2"}, **HTMX)
    text = Markup(response.content.decode())
    assert response.status_code == 422 and "You have already run this one" in text and "0 of 2 runs" in text


def test_runs_of_others_are_not_there(ada_client, bob_client, guest_client, lesson):
    ada_client.post(RUNS, {"repetition": "1"})
    finish()
    run = Run.objects.first()
    for other in (bob_client, guest_client):
        assert "runs have ended" not in Markup(other.get(ADDRESS).content.decode())
        assert other.get(f"/runs/{run.uuid}/").status_code == 404


def test_a_training_arm_is_named_with_its_time_and_left_to_its_challenge(client, lesson):
    version = factories.challenge("sea-or-sky").version
    results = [{"file": "baselines/lora.yaml", "seconds": 100.0, "kind": "tune", "approach": "lora", "score": 0.9}]
    ChallengeVersion.objects.filter(pk=version.pk).update(author_baselines=results)
    catalogue.forget()
    text = Markup(client.get(ADDRESS).content.decode())
    assert '“<span lang="en">LoRA</span>” is a training run.' in text
    assert "About 1 min 40 s, by what the author measured." in text
    assert '<a href="/challenges/sea-or-sky/?track=tune">' in text


def test_a_training_arm_takes_as_long_as_its_form_says(ada, client, lesson):
    with_authors()
    challenge = factories.challenge("sea-or-sky")
    ended(factories.submit(ada, payload=factories.LORA), 60, 40, 60)
    usual = durations.of_training(challenge, "lora", 120)
    assert usual == Duration(100, 100)
    assert usual.sentence in client.get(ADDRESS).content.decode()


def test_another_content_than_the_measured_one_is_not_run(ada_client, lesson):
    """As after an import whose challenge is still a draft."""
    ada_client.post(RUNS, {"repetition": "1"})
    finish()
    Lesson.objects.update(contents={"sea-or-sky": "0" * 64})
    catalogue.forget()
    text = Markup(ada_client.get(ADDRESS).content.decode())
    assert "about a newer version of the challenge" in text and 'class="finding-form"' not in text
    assert "runs have ended" not in text
    response = ada_client.post(RUNS, {"repetition": "2"})
    assert response.status_code == 409 and "newer version" in Markup(response.content.decode())
    assert len(started()) == 2


def test_runs_of_a_prompt_that_has_changed_are_another_experiment(ada_client, lesson):
    ada_client.post(RUNS, {"repetition": "1"})
    finish()
    assert "2 of 2 runs have ended." in Markup(ada_client.get(ADDRESS).content.decode())
    arms = {**lesson.arms, "sea-or-sky/baselines/weak.yaml": {"kind": "prompt", "instructions": "Sea, or sky?"}}
    Lesson.objects.update(arms=arms)
    catalogue.forget()
    assert "1 of 1 run has ended. 1 more run can be started" in Markup(ada_client.get(ADDRESS).content.decode())


def test_a_challenge_of_another_lesson_is_not_run(ada_client, lesson):
    spec = {**made_up.FEW, "experiments": [{**made_up.FEW["experiments"][0], "challenge": "elsewhere"}]}
    arms = {name.replace("sea-or-sky", "elsewhere"): one for name, one in lesson.arms.items()}
    Lesson.objects.update(findings=[spec], arms=arms, contents={"elsewhere": "0" * 64})
    catalogue.forget()
    assert ada_client.post(RUNS).status_code == 409 and not Run.objects.exists()


def test_a_finding_with_training_arms_only_offers_no_button(ada_client, lesson):
    arms = {name: {"kind": "tune"} for name in lesson.arms}
    Lesson.objects.update(arms=arms)
    catalogue.forget()
    assert 'class="finding-form"' not in Markup(ada_client.get(ADDRESS).content.decode())
    response = ada_client.post(RUNS)
    assert response.status_code == 422 and "Train it in its challenge" in Markup(response.content.decode())


def test_json_answers_have_validity_and_decisions(ada, db, tmp_path):
    arms = [
        {"id": name, "title": name, "files": ["baselines/weak.yaml"], "example_sets": {**made_up.SETS, "seed": seed}}
        for name, seed in (("one", 1), ("two", 2))
    ]
    claims = [
        {"arms": ["one", "two"], "varies": "examples", "found": "unclear", "measure": measure}
        for measure in ("valid", "decisions")
    ]
    finding = {**made_up.FEW, "experiments": [{"challenge": "ticket", "arms": arms}], "claims": claims}
    made_up.course(tmp_path / "c", [finding], {})
    lesson = catalogue.now().lesson("first")
    run, _ = finding_runs.start(lesson, lesson.parsed_findings[0], ada, 1)
    result = factories.result_for(run, wrong=0)
    rows = result["public"]["rows"]
    for row in rows:
        row |= {"valid": True, "fields": {"priority": 1.0, "summary": 0.5}}
    # One decision is wrong, and one answer is no valid object although its priority could be read.
    rows[0]["fields"] = {"priority": 0.0, "summary": 1.0}
    rows[1]["valid"] = False
    factories.grade(run, result=result)
    (own,) = [one for one in finding_runs.own_runs(lesson, lesson.parsed_findings, ada)["few-shot"] if one.values]
    assert own.values == {"score": 1.0, "valid": pytest.approx(5 / 6), "decisions": pytest.approx(4 / 6)}


def test_the_button_needs_the_pages_token_and_a_post(ada, lesson):
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(ada, backend="django.contrib.auth.backends.ModelBackend")
    assert careful.post(RUNS).status_code == 403 and careful.get(RUNS).status_code == 405
    assert not Run.objects.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"purpose": "finding", "finding": "", "arm": "few", "repetition": 1},
        {"purpose": "finding", "finding": "few-shot", "arm": "", "repetition": 1},
        {"purpose": "finding", "finding": "few-shot", "arm": "few", "repetition": None},
        {"purpose": "finding", "finding": "few-shot", "arm": "few", "repetition": 0},
        {"purpose": "trial", "finding": "few-shot"},
        {"purpose": "trial", "repetition": 1},
    ],
)
def test_the_database_holds_what_a_findings_run_names(ada, ada_client, lesson, wrong):
    ada_client.post(RUNS, {"repetition": "1"})
    plain = services.start_run(ada, factories.challenge("sea-or-sky").version, factories.PROMPT)
    run = plain if wrong["purpose"] == "trial" else Run.objects.get(arm="few")
    with pytest.raises(IntegrityError), transaction.atomic():
        Run.objects.filter(pk=run.pk).update(**wrong)
