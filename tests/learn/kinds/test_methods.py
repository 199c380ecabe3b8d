"""A challenge with several training methods: the form, what is shown of preferences, and methods that nobody has."""

import json
from dataclasses import replace

import pytest

from challenges.reading import read_challenge
from gradus.courses.services import publish
from gradus.submissions.budgets import limits
from gradus.submissions.models import Event, Run, Slot, Submission, WorkerStatus
from tests import factories
from tests.challenges import factory
from tests.markup import Markup

PAGE, SUBMIT, API = "/challenges/ticket/", "/challenges/ticket/submit", "/api/v1/challenges/ticket/"
REASON = "The package bitsandbytes is not installed where models are trained."
METHODS = ["lora", "qlora", "full", "dpo"]
ROWS = [{"prompt": f"an anchor, {n}", "chosen": "sea", "rejected": "it is in the sea"} for n in range(10)]


@pytest.fixture
def ticket(db, tmp_path):
    """The course's `ticket` with preferences and every method."""
    return published(tmp_path)


def published(tmp_path, **section):
    bundle = factories.tiny_bundle(tmp_path / "course")
    folder = factory.write_preference_challenge(tmp_path / "ticket", methods=METHODS, **section)
    lesson = bundle.lessons[0]
    challenges = tuple(read_challenge(folder) if c.challenge.id == "ticket" else c for c in lesson.challenges)
    publish(replace(bundle, lessons=(replace(lesson, challenges=challenges),)))
    return factories.challenge("ticket")


@pytest.fixture
def no_4_bits(ticket):
    for lane in ("train", "interactive"):
        WorkerStatus.objects.create(name=lane, lane=lane, lacks={f"qlora/{ticket.spec.model}": REASON})


def form(method="dpo", rows=ROWS, **changes):
    knobs = {"r": "8", "lora_alpha": "16", "learning_rate": "0.0002", "num_train_epochs": "2"}
    sent = {"kind": "tune", "key": "k", "method": method, "instructions": "", "per_device_train_batch_size": "4"}
    dpo = {"beta": "0.1", "rpo_alpha": "0.5"} if method == "dpo" else {}
    return {**sent, **knobs, **dpo, "rows": "".join(json.dumps(row) + "\n" for row in rows), **changes}


def test_the_form_offers_the_methods_and_the_settings_of_the_first(ada_client, ticket):
    text = Markup(ada_client.get(PAGE, {"kind": "tune"}).content.decode())
    assert all(f'name="method" value="{name}"' in text for name in METHODS)
    assert 'value="lora" checked' in text and 'name="beta"' not in text and 'name="r"' in text
    assert "&quot;chosen&quot;" in text or '"chosen"' in text


def test_badges_and_tabs_name_the_methods_that_a_challenge_allows(ada_client, ticket):
    allowed = "LoRA, QLoRA, Full fine-tuning, DPO"
    for page in (PAGE, "/", "/leaderboards/", "/leaderboards/ticket/"):
        text = Markup(ada_client.get(page).content.decode())
        assert allowed in text, page
    assert ada_client.post(SUBMIT, form()).status_code == 302
    text = Markup(ada_client.get(f"/submissions/{Submission.objects.get().uuid}/").content.decode())
    badge = text.partition('data-kind="tune">')[2].partition("</span>")[0]
    assert badge.rpartition("</svg>")[2].strip() == "DPO"


def test_another_method_shows_its_settings_and_keeps_what_was_typed(ada_client, ticket):
    text = Markup(ada_client.post(f"{PAGE}method", form("dpo", instructions="Be short.")).content.decode())
    assert 'value="dpo" checked' in text and 'name="beta"' in text and 'value="0.0002"' in text
    assert "an anchor, 9" in text and "Be short." in text and "one row in 5" in text
    text = Markup(ada_client.post(f"{PAGE}method", form("full")).content.decode())
    assert 'value="full" checked' in text and 'name="r"' not in text and 'value="0.00005"' in text
    assert ada_client.post(f"{PAGE}method", form("rlhf")).status_code == 200
    assert ada_client.get(f"{PAGE}method").status_code == 405


def test_the_form_starts_where_the_author_says(ada_client, db, tmp_path):
    starts = {"num_train_epochs": 1, "dpo": {"learning_rate": 5e-5, "rpo_alpha": 0.5}}
    published(tmp_path, starts=starts)
    text = Markup(ada_client.post(f"{PAGE}method", {"kind": "tune", "method": "dpo"}).content.decode())
    assert 'value="0.00005"' in text and 'value="0.5"' in text and 'value="0.1"' in text
    assert "<option selected>1</option>" in text.split('name="num_train_epochs"')[1].split("</select>")[0]
    text = Markup(ada_client.get(PAGE, {"kind": "tune"}).content.decode())
    assert 'value="0.001"' in text
    assert "<option selected>1</option>" in text.split('name="num_train_epochs"')[1].split("</select>")[0]


def test_a_submission_keeps_its_method_and_settings(ada_client, ticket):
    assert ada_client.post(SUBMIT, form()).status_code == 302
    payload = Submission.objects.get().payload
    assert payload["method"] == "dpo" and payload["rows"][0] == ROWS[0]
    assert payload["hyperparameters"]["beta"] == 0.1 and payload["hyperparameters"]["rpo_alpha"] == 0.5
    again = Markup(ada_client.get(f"{PAGE}?from={Submission.objects.get().uuid}").content.decode())
    assert again


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"beta": "7"}, "The value must be between 0.01 and 1"),
        ({"method": "rlhf"}, "Training method"),
        ({"rows": [ROWS[0] | {"rejected": "sea"}]}, "are the same: change one, or remove the row"),
        ({"rows": [{"input": "a", "output": "b"}]}, "This challenge trains on preferences"),
    ],
    ids=str,
)
def test_what_is_wrong_is_said_beside_the_field_and_nothing_is_lost(ada_client, ticket, changes, said):
    response = ada_client.post(SUBMIT, form(**changes))
    text = Markup(response.content.decode())
    assert response.status_code == 422 and said in text
    assert not Submission.objects.exists() and not Slot.objects.of(limits.ATTEMPTS).exists()


def test_the_check_tells_what_preferences_show(ada_client, ticket):
    text = Markup(ada_client.post(f"{PAGE}dataset-check", form(), headers={"HX-Request": "true"}).content.decode())
    assert "These rows can be submitted" in text and "the chosen answer is shorter" in text
    assert "<dt>Rows held out</dt><dd>2</dd>" in text


def test_a_method_that_no_worker_has_is_shown_with_the_reason(ada_client, ticket, no_4_bits):
    text = Markup(ada_client.get(PAGE, {"kind": "tune"}).content.decode())
    assert f"Not available here. {REASON}" in text and 'value="qlora" disabled' in text
    told = ada_client.get("/api/v1/challenges/ticket").json()
    assert told["unavailable"] == {"tune": {"qlora": REASON}}
    assert told["details"]["tune"]["methods"] == METHODS


def test_the_form_starts_with_a_method_that_somebody_has(ada_client, ticket):
    WorkerStatus.objects.create(name="w", lane="train", lacks={f"lora/{ticket.spec.model}": REASON})
    text = Markup(ada_client.get(PAGE, {"kind": "tune"}).content.decode())
    assert 'value="qlora" checked' in text and 'value="lora" disabled' in text


@pytest.mark.parametrize("what", ["submit", "run"])
def test_it_is_refused_without_an_attempt(ada_client, ticket, no_4_bits, what):
    text = Markup(ada_client.post(f"{PAGE}{what}", form("qlora")).content.decode())
    assert "This method is not available here at the moment" in text and REASON in text
    assert not (Submission.objects.exists() or Slot.objects.of(limits.ATTEMPTS).exists() or Run.objects.exists())
    call = {"kind": "tune", "method": "qlora", "rows": ROWS}
    address = f"/api/v1/challenges/ticket/{'submissions' if what == 'submit' else 'runs'}"
    refused = ada_client.post(address, call, "application/json", headers={"Idempotency-Key": "a"})
    assert refused.status_code == 422 and refused.json()["code"] == "method_unavailable"
    assert refused.json()["problems"][0]["field"] == "method"


def test_it_is_taken_where_one_worker_has_it_or_none_is_at_work(ada_client, ticket, no_4_bits):
    WorkerStatus.objects.create(name="another", lane="train")
    assert ada_client.post(SUBMIT, form("qlora")).status_code == 302
    WorkerStatus.objects.all().delete()
    assert ada_client.post(SUBMIT, form("qlora", key="second")).status_code == 302


def test_the_result_shows_margin_and_accuracy(ada, ada_client, ticket):
    submission = factories.submit(ada, "ticket", {"kind": "tune", "method": "dpo", "rows": ROWS})
    losses = {"steps": 2, "train_loss": 0.6, "margin": 0.25, "accuracy": 0.75}
    figures = {"valid_margin": 0.5, "valid_accuracy": 1.0}
    evaluation = factories.claimed(submission)
    for step, more in ((1, {}), (2, figures)):
        Event.objects.create(evaluation=evaluation, seq=10 + step, type="loss", data={**losses, **more, "step": step})
    result = factories.result_for(submission) | {
        "training": {"steps": 2.0, "train_loss": 0.6, "trainable_share": 0.01, "adapter_bytes": 2e6, "tokens": 90.0,
                     "seconds": 3.0, **figures}
    }  # fmt: skip
    factories.services.record(evaluation.pk, evaluation.fence, factories.services.Outcome(score=0.7, result=result))
    text = Markup(ada_client.get(f"/submissions/{submission.uuid}/").content.decode())
    assert "Margin on held-out rows" in text and "The margin went from 0.25 to 0.25" in text
    assert "0.250" in text and "0.500" in text
    assert "In the end the model shared your preference in 100% of the held-out rows" in text
    for kind in ("accuracy", "margin"):
        chart = text.split(f'data-chart="{kind}"')[1].split('<script type="application/json">')[1].split("</script>")[0]
        points = [(p["step"], p[kind], p[f"valid_{kind}"]) for p in json.loads(chart)["points"]]
        assert points == [(1, losses[kind], None), (2, losses[kind], figures[f"valid_{kind}"])]


def test_the_check_of_the_api_knows_preferences(ada_client, ticket):
    call = {"kind": "tune", "method": "dpo", "rows": ROWS}
    found = ada_client.post("/api/v1/challenges/ticket/dataset", call, "application/json").json()
    assert found["preferences"]["held_out"] == 2 and found["preferences"]["by_length"] == "shorter"
    assert found["problems"] == []


def test_a_method_for_trials_only_can_be_run_but_not_submitted(ada_client, db, tmp_path):
    published(tmp_path, trial_only=["qlora"])
    text = Markup(ada_client.get(PAGE, {"kind": "tune"}).content.decode())
    assert text.count("You can try it here, but not submit it.") == 1
    text = Markup(ada_client.post(SUBMIT, form("qlora")).content.decode())
    assert "you can try the method qlora, but not submit it" in text and 'id="method-problem"' in text
    call = {"kind": "tune", "method": "qlora", "rows": ROWS}
    refused = ada_client.post(f"{API}submissions", call, "application/json", headers={"Idempotency-Key": "a"})
    assert refused.status_code == 422 and refused.json()["code"] == "method"
    assert not (Submission.objects.exists() or Slot.objects.of(limits.ATTEMPTS).exists())
    assert ada_client.post(f"{API}runs", call, "application/json").status_code == 201
    assert Run.objects.get().payload["method"] == "qlora"
