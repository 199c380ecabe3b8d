"""A training run whose loss does not fall says which setting to change, in the form and beside the result."""

import pytest

from gradus.learn.kinds.tune.stall import stall_of
from gradus.submissions import services
from gradus.submissions.models import Run, Submission
from tests import factories
from tests.markup import Markup

PAGE = "/challenges/sea-or-sky/"
ROWS = [{"input": f"boat {n}", "output": "sea"} for n in range(40)] + [
    {"input": f"kite {n}", "output": "sky"} for n in range(40)
]
SLOW = {"r": 8, "lora_alpha": 16, "learning_rate": 0.00005, "num_train_epochs": 5, "per_device_train_batch_size": 16}


def payload(**chosen):
    return {"kind": "tune", "method": "lora", "instructions": "", "rows": ROWS, "hyperparameters": {**SLOW, **chosen}}


def points(*losses):
    return [{"step": step, "train_loss": loss, "valid_loss": None} for step, loss in enumerate(losses, 1)]


def falling(first, last, steps=20):
    return points(*(first + (last - first) * step / (steps - 1) for step in range(steps)))


def trained(owner, curve):
    """Records a run or an attempt with its loss at each step."""
    evaluation = factories.claimed(owner)
    key = (evaluation.pk, evaluation.fence)
    services.append_events(*key, [("loss", point) for point in curve])
    score = 0.2 if isinstance(owner, Submission) else None
    services.record(*key, services.Outcome(result=factories.result_for(owner), score=score))


@pytest.mark.parametrize(
    ("chosen", "losses", "setting", "words"),
    [
        ({}, falling(3.49, 3.47), "learning_rate", "Raise the learning rate, which is 0.00005."),
        (
            {"learning_rate": 0.001},
            falling(3.49, 3.47),
            "per_device_train_batch_size",
            "Choose a smaller batch size than 16, so that the same rows make more steps.",
        ),
        (
            {"learning_rate": 0.001, "per_device_train_batch_size": 4, "num_train_epochs": 1},
            falling(3.49, 3.47),
            "num_train_epochs",
            "Choose more epochs than 1, so that the rows make more steps.",
        ),
        ({"learning_rate": 0.002}, falling(2.0, 4.0), "learning_rate", "Lower the learning rate, which is 0.002."),
    ],
    ids=["low rate", "few steps", "few epochs", "risen"],
)
def test_a_loss_that_does_not_fall_names_the_setting_to_change(course, chosen, losses, setting, words):
    stall = stall_of(factories.challenge("sea-or-sky").spec, payload(**chosen), losses)
    assert (stall.setting, stall.advice) == (setting, words)


@pytest.mark.parametrize(
    "losses",
    [
        falling(3.49, 2.0),
        points(3.4, 3.6, 3.2, 1.9, 2.1, 2.0),
        falling(0.05, 0.05),
        points(3.4),
        points(),
        points(3.4, None),
        points(float("nan"), 3.0, 3.0),
    ],
    ids=["falls", "falls between uneven batches", "had little to learn", "one step", "none", "unknown", "no number"],
)
def test_nothing_is_said_of_a_loss_that_falls_or_is_not_known(course, losses):
    assert stall_of(factories.challenge("sea-or-sky").spec, payload(), losses) is None


def test_what_a_try_measured_is_carried_on_to_the_steps_of_an_attempt(course):
    spec = factories.challenge("sea-or-sky").spec
    curve = falling(3.5, 3.45)
    few = payload(per_device_train_batch_size=16, num_train_epochs=4)
    many = payload(per_device_train_batch_size=4, num_train_epochs=5)
    assert stall_of(spec, few, curve).planned == 20 and stall_of(spec, many, curve) is None


def test_a_try_that_learned_nothing_warns_beside_the_run_and_in_the_form(ada, ada_client, course):
    run = services.start_run(ada, factories.challenge("sea-or-sky").version, payload())
    trained(run, falling(3.49, 3.47))
    headers = {"HX-Request": "true", "HX-Current-URL": PAGE}
    beside = Markup(ada_client.get(f"/runs/{run.uuid}/fragment", headers=headers).content.decode())
    assert "In your try the training loss has hardly moved." in beside and 'href="#learning_rate"' in beside
    assert "An attempt with these settings makes 25 steps" in beside
    own = ada_client.get(f"/runs/{run.uuid}/").content.decode()
    assert f'href="{PAGE}?track=tune&amp;from={run.uuid}#learning_rate"' in own
    form = Markup(ada_client.get(f"{PAGE}?track=tune&from={run.uuid}").content.decode())
    assert "In your try the training loss has hardly moved." in form and 'href="#learning_rate"' in form
    other = ada_client.get(f"{PAGE}?track=tune&blank").content.decode()
    assert "hardly moved" not in other
    assert Run.objects.get().current.events.filter(type="loss").count() == 20


def test_a_result_whose_loss_has_not_moved_leads_back_to_the_field(ada, ada_client, course):
    submission = factories.submit(ada, payload=payload())
    trained(submission, falling(3.49, 3.47, 25))
    page = ada_client.get(f"/submissions/{submission.uuid}/").content.decode()
    assert "The training loss has hardly moved." in Markup(page) and "Raise the learning rate" in page
    address = f"{PAGE}?track=tune&amp;from={submission.uuid}#learning_rate"
    assert f'href="{address}"' in page
    form = ada_client.get(f"{PAGE}?track=tune&from={submission.uuid}").content.decode()
    assert 'id="learning_rate"' in form and 'value="0.00005"' in form


def test_a_result_whose_loss_has_fallen_warns_of_nothing(ada, ada_client, course):
    submission = factories.submit(ada, payload=payload())
    trained(submission, falling(3.49, 0.4, 25))
    assert "hardly moved" not in ada_client.get(f"/submissions/{submission.uuid}/").content.decode()
