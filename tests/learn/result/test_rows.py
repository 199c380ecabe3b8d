"""The public rows of a result: their list, the learner's own examples among them, and what a run changed."""

import pytest
from django.urls import reverse
from django.utils import timezone

from gradus.learn.result import rows as results
from gradus.learn.result.page import rows_context
from gradus.submissions.services import start_run
from tests import factories
from tests.markup import Markup


def trial(user, challenge, wrong, payload=factories.PROMPT):
    """A finished run with wrong answers to the first rows."""
    made = start_run(user, challenge.version, payload)
    factories.grade(made, result=factories.result_for(made, wrong=wrong))
    return made


def shown(client, run) -> str:
    return Markup(client.get(reverse("learn:run", args=[run.uuid])).content.decode())


def test_a_row_shows_its_most_probable_answers(ada, ada_client, sea_or_sky):
    run = trial(ada, sea_or_sky, wrong=1)
    text = shown(ada_client, run)
    assert text.count('aria-label="Probability of sea"') == len(run.version.samples) == 4
    assert (
        '<progress value="0.8000" max="1" aria-label="Probability of sky"></progress><span class="num">0.80</span>'
        in text
    )


def test_only_the_five_most_probable_answers_are_listed(sea_or_sky):
    row = factories.row_for(sea_or_sky.version.samples[0].id, "sea", ("sea", "sky"), right=True)
    row["probabilities"] = {f"label-{n}": n / 100 for n in range(9)}
    (found,) = results.sample_rows(sea_or_sky.version, {"public": {"rows": [row]}})
    assert found.probabilities == tuple((f"label-{n}", n / 100) for n in (8, 7, 6, 5, 4))


@pytest.mark.parametrize(
    ("payload", "words"), [(factories.PROMPT, "one of your examples"), (factories.LORA, "one of your training rows")]
)
def test_a_sample_that_the_learner_gave_the_model_is_marked(ada, ada_client, sea_or_sky, payload, words):
    sample = sea_or_sky.version.samples[1]
    own = [{"input": sample.input, "output": sample.target}]
    key = "rows" if payload["kind"] == "tune" else "examples"
    run = trial(ada, sea_or_sky, wrong=0, payload={**payload, key: own})
    assert [row.is_own for row in rows_context(run, run.current)["rows"]] == [False, True, False, False]
    assert words in shown(ada_client, run)
    assert words not in shown(ada_client, trial(ada, sea_or_sky, wrong=0, payload=payload))


def test_the_first_run_is_compared_with_nothing(ada, ada_client, sea_or_sky):
    text = shown(ada_client, trial(ada, sea_or_sky, wrong=1))
    assert "the run before" not in text and "Changed" not in text and "data-changed" not in text


def test_a_run_says_what_changed_since_the_run_before(ada, ada_client, sea_or_sky):
    before, after = trial(ada, sea_or_sky, wrong=3), trial(ada, sea_or_sky, wrong=1)
    text = shown(ada_client, after)
    assert "2 samples became right, 0 became wrong" in text and "0.25 → 0.75" in text
    assert text.count("data-changed") == text.count("now right") == 2 and 'Changed <span class="num">2</span>' in text
    assert f"/challenges/sea-or-sky/compare/?a={before.uuid}&amp;b={after.uuid}" in text
    rows = rows_context(after, after.current)["rows"]
    assert [row.change for row in rows] == ["", "better", "better", ""]


def test_a_run_that_changed_nothing_says_so(ada, ada_client, sea_or_sky):
    trial(ada, sea_or_sky, wrong=1)
    assert "no sample came out differently" in shown(ada_client, trial(ada, sea_or_sky, wrong=1))


def test_the_run_before_is_the_learners_own_finished_trial_of_the_same_kind(ada, bob, sea_or_sky):
    mine = trial(ada, sea_or_sky, wrong=3)
    trial(bob, sea_or_sky, wrong=2)
    trial(ada, sea_or_sky, wrong=2, payload=factories.LORA)
    demo = start_run(ada, sea_or_sky.version, factories.PROMPT, purpose="demo")
    factories.grade(demo)
    start_run(ada, sea_or_sky.version, factories.PROMPT)  # Still waits.
    last = start_run(ada, sea_or_sky.version, factories.PROMPT)
    ended = {"state": "scored", "finished_at": timezone.now(), "result": factories.result_for(last)}
    last.current.__class__.objects.filter(pk=last.current.pk).update(**ended)
    assert rows_context(last, last.current)["since"].run == mine


def test_two_runs_and_a_run_and_an_attempt_are_compared(ada, ada_client, sea_or_sky):
    one, other = trial(ada, sea_or_sky, wrong=3), trial(ada, sea_or_sky, wrong=1)
    attempt = factories.submit(ada, payload={**factories.PROMPT, "instructions": "Sea or open sky?"})
    factories.grade(attempt, result=factories.result_for(attempt, wrong=0))
    address = reverse("learn:compare", args=["sea-or-sky"])
    runs = Markup(ada_client.get(f"{address}?pick={other.uuid}&pick={one.uuid}").content.decode())
    assert "2 samples became right, 0 became wrong" in runs
    assert "both hand in the same" in runs and "only attempts have one" in runs
    mixed = Markup(ada_client.get(f"{address}?pick={other.uuid}&pick={attempt.uuid}").content.decode())
    assert "1 sample became right, 0 became wrong" in mixed and "<ins>open </ins>" in mixed and "0.70" in mixed


def test_runs_of_others_and_of_other_challenges_are_not_compared(ada, bob, bob_client, sea_or_sky, ticket):
    one = trial(ada, sea_or_sky, wrong=3)
    own, elsewhere = trial(bob, sea_or_sky, wrong=1), trial(bob, ticket, wrong=1)
    address = reverse("learn:compare", args=["sea-or-sky"])
    assert bob_client.get(f"{address}?pick={own.uuid}&pick={one.uuid}").status_code == 404
    assert bob_client.get(f"{address}?pick={own.uuid}&pick={elsewhere.uuid}").status_code == 404


def test_comparing_wants_exactly_two(ada, ada_client, sea_or_sky):
    one = trial(ada, sea_or_sky, wrong=3)
    address = reverse("learn:compare", args=["sea-or-sky"])
    response = ada_client.get(f"{address}?pick={one.uuid}&pick={one.uuid}", follow=True)
    assert response.redirect_chain[-1][0].endswith("#history")
    assert "tick exactly two entries" in Markup(response.content.decode())
