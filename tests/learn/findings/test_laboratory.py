"""A learner's own set: drawn by the site, a dot for everybody when it has ended, and taken back by its learner."""

from __future__ import annotations

import json
import re
import secrets

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from challenges.findings.runs import repetition
from challenges.findings.spec import Claim
from gradus.courses import catalogue
from gradus.courses.models import Lesson
from gradus.laboratory import arms, own_sets
from gradus.laboratory.models import Contribution, Prediction
from gradus.laboratory.own_sets import Guess
from gradus.laboratory.services import HIGHEST
from gradus.learn.findings import dots
from gradus.submissions import services
from gradus.submissions.budgets import limits
from gradus.submissions.models import Run, Slot
from gradus.submissions.services import Refused
from tests import factories
from tests.conftest import logged_in
from tests.learn.findings import made_up
from tests.markup import Markup, without_drawn

ADDRESS = "/lessons/first/findings/few-shot/"
ORDER = "/lessons/first/findings/order/"
HTMX = {"HTTP_HX_REQUEST": "true"}
OWN = {"repetition": "own"}


@pytest.fixture
def lesson(db, tmp_path):
    made_up.lesson(tmp_path / "c")
    return catalogue.now().lesson("first")


def finish(**wrong: int) -> None:
    """A worker does all that is open; `wrong` says for an arm how many of the four public rows come out wrong."""
    while (claimed := services.claim("interactive", worker="worker-1", profile="cpu")) is not None:
        result = factories.result_for(claimed.run, wrong=wrong.get(claimed.run.arm.replace("-", "_"), 1))
        services.record(claimed.pk, claimed.fence, services.Outcome(result=result))


def contribute(user, lesson, name: str = "few-shot", guess: Guess | None = None, **wrong: int) -> Contribution:
    finding = next(one for one in lesson.parsed_findings if one.id == name)
    own_sets.start(lesson, finding, user, guess)
    finish(**wrong)
    return Contribution.objects.filter(user=user).latest("pk")


def text_of(client, address: str = ADDRESS) -> str:
    return Markup(client.get(address).content.decode())


def test_a_set_of_ones_own_is_drawn_beyond_the_authors(ada, ada_client, lesson):
    response = ada_client.post(f"{ADDRESS}runs", OWN)
    assert (response.status_code, response.url) == (302, ADDRESS)
    one = Contribution.objects.get()
    zero, few = Run.objects.order_by("pk")
    assert (one.user, one.finding, one.scores) == (ada, "few-shot", None) and one.number > 5
    assert [(zero.arm, zero.repetition), (few.arm, few.repetition)] == [("zero", 1), ("few", one.number)]
    # The same draw for everybody who knows the number.
    arm = lesson.parsed_findings[0].experiments[0].arms[1]
    assert arms.submission(lesson, arms.bundle_of(few.version), arm, one.number) == few.payload
    assert {e["input"] for e in few.payload["examples"]} <= {row["input"] for row in few.version.train}


def test_nobody_can_run_or_train_a_control(lesson):
    finding = lesson.parsed_findings[0]
    experiment = finding.experiments[0]
    plain = experiment.arms[2].model_copy(update={"id": "plain", "control": "linear", "files": ()})
    changed = experiment.model_copy(update={"arms": (*experiment.arms, plain)})
    with_control = finding.model_copy(update={"experiments": (changed,)})
    assert [arm.id for _, arm in arms.runnable(lesson, with_control)] == ["zero", "few"]
    assert [arm.id for _, arm in arms.trained(lesson, with_control)] == ["lora"]
    assert arms.content(lesson, with_control) == arms.content(lesson, finding), "no dot of a learner is lost by it"


def test_numbers_beyond_the_authors_draw_further_sets(lesson):
    arm = lesson.parsed_findings[0].experiments[0].arms[1]
    bundle = arms.bundle_of(factories.challenge("sea-or-sky").version)
    drawn = {json.dumps(arms.submission(lesson, bundle, arm, n)["examples"]) for n in range(6, 40)}
    assert len(drawn) > 5
    with pytest.raises(IndexError):
        once = lesson.parsed_findings[0].experiments[0].arms[0]
        files = {("sea-or-sky", once.files[0]): factories.PROMPT}
        repetition(once, bundle, files, 2)


def test_the_set_counts_when_its_last_arm_has_ended(ada, ada_client, bob_client, lesson):
    ada_client.post(f"{ADDRESS}runs", OWN)
    first = services.claim("interactive", worker="worker-1", profile="cpu")
    services.record(first.pk, first.fence, services.Outcome(result=factories.result_for(first.run, wrong=2)))
    assert Contribution.objects.get().scores is None
    assert "No learner has run a set yet" in text_of(bob_client)
    finish()
    one = Contribution.objects.get()
    assert one.scores == {"sea-or-sky": {"zero": {"score": 0.5}, "few": {"score": 0.75}}} and one.counted_at
    for client in (ada_client, bob_client):
        text = text_of(client)
        assert "1 run by learners." in text and "“Two examples” is 0.25 above “No examples”" in text
        # One dot of the difference and one of the arm that is drawn; the arm that is the same in every set has none.
        assert len(re.findall(r'<use class="forest-learner" href="#dot-learner" x="[\d.]+%', text)) == 2
    assert "which may be chance" in text_of(bob_client)


def test_everybody_sees_the_dots_and_nobody_whose_they_are(
    ada, bob, ada_client, bob_client, client, lesson, monkeypatch
):
    with monkeypatch.context() as patched:
        patched.setattr(secrets, "randbelow", lambda below: below - 1)
        one = contribute(ada, lesson, few=0)
    assert one.number == HIGHEST, "a number with few digits stands on a page by chance"
    contribute(bob, lesson, few=2)
    mine, theirs, visitors = text_of(ada_client), text_of(bob_client), text_of(client)
    take_back = f"/contributions/{one.pk}/withdraw"
    assert take_back in mine and take_back not in theirs and take_back not in visitors
    assert mine.count("Yours: +0.25") == 1 and visitors.count("Yours:") == 0
    for text in map(without_drawn, (theirs, visitors)):
        assert "2 runs by learners." in text and "enchantress" not in text and "ada" not in text
        assert str(one.number) not in text
    # The lesson has them too.
    assert "2 runs by learners." in text_of(client, "/lessons/first/")


def test_a_dot_can_be_taken_back_and_its_scores_are_gone(ada, ada_client, bob_client, lesson):
    one = contribute(ada, lesson)
    address = f"/contributions/{one.pk}/withdraw"
    assert bob_client.post(address).status_code == 404 and ada_client.get(address).status_code == 405
    response = ada_client.post(address)
    assert (response.status_code, response.url) == (302, ADDRESS)
    one.refresh_from_db()
    assert one.scores is None and one.withdrawn_at
    text = text_of(ada_client)
    assert "Taken back" in text and "by learners" not in text and "No learner has run a set yet" in text
    assert ada_client.post(address, **HTMX).status_code == 200
    assert ada_client.post("/contributions/999999/withdraw").status_code == 404


def test_a_guest_may_contribute(guest_client, lesson):
    guest_client.post(f"{ADDRESS}runs", OWN)
    finish()
    assert Contribution.objects.counted().get().user.is_guest
    assert "Take the dot back" in text_of(guest_client)


def test_dots_of_other_content_are_not_mixed_in(ada, ada_client, lesson):
    contribute(ada, lesson)
    changed = {**lesson.arms, "sea-or-sky/baselines/weak.yaml": {"kind": "prompt", "instructions": "Sea, or sky?"}}
    Lesson.objects.update(arms=changed)
    catalogue.forget()
    assert "by learners" not in text_of(ada_client) and "Take the dot back" not in text_of(ada_client)
    Lesson.objects.update(arms=lesson.arms, contents={"sea-or-sky": "0" * 64})
    catalogue.forget()
    assert "by learners" not in text_of(ada_client)
    response = ada_client.post(f"{ADDRESS}runs", OWN)
    assert response.status_code == 409 and Contribution.objects.count() == 1


def test_a_set_of_changed_content_never_counts(ada, ada_client, lesson):
    ada_client.post(f"{ADDRESS}runs", OWN)
    changed = {**lesson.arms, "sea-or-sky/baselines/good.yaml": {"kind": "prompt", "instructions": "Which?"}}
    Lesson.objects.update(arms=changed)
    catalogue.forget()
    finish()
    assert Contribution.objects.get().scores is None


def test_a_failed_run_leaves_the_set_open_until_it_is_repeated(ada, ada_client, lesson):
    ada_client.post(f"{ADDRESS}runs", OWN)
    claimed = services.claim("interactive", worker="worker-1", profile="cpu")
    services.reject(claimed.pk, claimed.fence, "internal")
    finish()
    one = Contribution.objects.get()
    assert one.scores is None and "Go on with your set" in text_of(ada_client)
    ada_client.post(f"{ADDRESS}runs", OWN)
    finish()
    one.refresh_from_db()
    assert one.scores is not None and Run.objects.count() == 3


def test_what_could_not_start_is_started_by_the_next_press(ada, ada_client, lesson):
    version = factories.challenge("sea-or-sky").version
    for _ in range(5):
        services.start_run(ada, version, factories.PROMPT)
    ada_client.post(f"{ADDRESS}runs", OWN)
    assert Run.objects.filter(purpose="finding").count() == 1
    response = ada_client.post(f"{ORDER}runs", OWN)
    # Nothing can be open: no set of the day is used.
    assert (
        response.status_code == 429
        and Contribution.objects.count() == 1 == Slot.objects.of(limits.OPEN_RUNS).count() - 5
    )
    finish()
    ada_client.post(f"{ADDRESS}runs", OWN)
    finish()
    assert Contribution.objects.get().scores is not None


def test_a_set_under_way_is_not_started_twice(ada_client, lesson):
    ada_client.post(f"{ADDRESS}runs", OWN)
    response = ada_client.post(f"{ADDRESS}runs", OWN, **HTMX)
    assert response.status_code == 422 and "Your set is still being run" in Markup(response.content.decode())
    assert Contribution.objects.count() == 1 and Run.objects.count() == 2


def test_the_eleventh_set_of_a_day_is_refused_in_words(ada, ada_client, lesson):
    for _ in range(10):
        contribute(ada, lesson)
    response = ada_client.post(f"{ADDRESS}runs", OWN)
    assert response.status_code == 429 and "You can run more tomorrow" in Markup(response.content.decode())
    assert int(response["Retry-After"]) > 0 and Contribution.objects.count() == 10
    assert "10 runs by learners." in text_of(ada_client)


def test_a_finding_without_drawn_examples_has_no_laboratory(ada, ada_client, lesson):
    findings = json.loads(json.dumps(lesson.findings))
    for arm in findings[0]["experiments"][0]["arms"]:
        arm.pop("example_sets", None)
    Lesson.objects.update(findings=findings, records={})
    catalogue.forget()
    text = text_of(ada_client)
    assert "Try it on the public rows" in text and "class laboratory" not in text
    response = ada_client.post(f"{ADDRESS}runs", OWN)
    assert response.status_code == 422 and "no examples to draw" in Markup(response.content.decode())


def test_the_spread_of_a_set_is_its_highest_minus_its_lowest(ada, client, lesson):
    contribute(ada, lesson, "order", order_1=0, order_2=3)
    assert "Changing the order of the examples moves “Macro F1” by 0.75 on average." in text_of(client, ORDER)


@pytest.mark.parametrize(
    ("claim", "scores", "effect"),
    [
        ({"found": "higher"}, {"a": 0.7, "b": 0.5}, 0.2),
        ({"found": "unclear"}, {"a": 0.5, "b": 0.7}, -0.2),
        ({"found": "spread"}, {"a": 0.5, "b": 0.7}, 0.2),
        ({"found": "higher"}, {"a": 0.7}, None),
        ({"found": "higher", "best": True}, {"a": 0.7, "b": 0.5}, None),
    ],
)
def test_the_effect_within_one_set(claim, scores, effect):
    found = dots.effect(Claim(arms=("a", "b"), varies="examples", **claim), scores)
    assert found == (None if effect is None else pytest.approx(effect))


def test_more_dots_need_no_more_queries(ada, bob, client, lesson, django_assert_max_num_queries):
    contribute(ada, lesson)
    text_of(client, "/lessons/first/")
    with CaptureQueriesContext(connection) as before:
        text_of(client, "/lessons/first/")
    for _ in range(3):
        contribute(bob, lesson)
    with django_assert_max_num_queries(len(before)):
        text_of(client, "/lessons/first/")


# --- predict, then run ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "outcome", "said"),
    [
        ({"few": 0, "zero": 2}, 1.0, "It scored highest. Brier score 0.04"),
        ({"few": 2, "zero": 0}, 0.0, "It did not score highest. Brier score 0.64"),
        ({"few": 1, "zero": 1}, 0.5, "It shared the highest score. Brier score 0.09"),
    ],
)
def test_the_run_settles_the_prediction(ada, ada_client, bob_client, lesson, wrong, outcome, said):
    ada_client.post(f"{ADDRESS}runs", {**OWN, "arm": "few", "sure": "80"})
    made = Prediction.objects.get()
    assert (made.arm, made.probability, made.outcome) == ("few", 0.8, None)
    assert "The run will settle it." in text_of(ada_client)
    finish(**wrong)
    made.refresh_from_db()
    assert made.outcome == outcome and made.settled_at
    text = text_of(ada_client)
    assert said in text and "0 is perfect" in text
    assert "Brier" not in text_of(bob_client)


def test_a_prediction_is_optional_and_outlives_its_dot(ada, ada_client, lesson):
    contribute(ada, lesson)
    assert not Prediction.objects.exists()
    one = contribute(ada, lesson, guess=Guess("few", 0.9), few=0, zero=1)
    ada_client.post(f"/contributions/{one.pk}/withdraw")
    assert Prediction.objects.get().outcome == 1.0 and "Brier score 0.01" in text_of(ada_client)


def test_a_set_that_has_started_is_not_predicted_any_more(ada, ada_client, lesson):
    ada_client.post(f"{ADDRESS}runs", OWN)
    claimed = services.claim("interactive", worker="worker-1", profile="cpu")
    services.reject(claimed.pk, claimed.fence, "internal")
    response = ada_client.post(f"{ADDRESS}runs", {**OWN, "arm": "few", "sure": "99"})
    assert response.status_code == 409 and "cannot be predicted any more" in Markup(response.content.decode())
    assert not Prediction.objects.exists() and Run.objects.count() == 2


def test_the_form_that_was_sent_may_be_sent_again_to_go_on(ada, ada_client, lesson):
    said = {**OWN, "arm": "few", "sure": "70"}
    ada_client.post(f"{ADDRESS}runs", said)
    claimed = services.claim("interactive", worker="worker-1", profile="cpu")
    services.reject(claimed.pk, claimed.fence, "internal")
    assert ada_client.post(f"{ADDRESS}runs", {**said, "sure": "99"}).status_code == 409
    assert ada_client.post(f"{ADDRESS}runs", said).status_code == 302
    finish()
    assert Prediction.objects.get().probability == 0.7 and Prediction.objects.get().outcome is not None


@pytest.mark.parametrize(
    ("arm", "sure", "said"),
    [
        ("lora", "80", "Choose one of the listed arms"),
        ("<b>", "80", "Choose one of the listed arms"),
        ("few", "75", "Choose how sure you are"),
        ("few", "", "Choose how sure you are"),
        ("few", "²", "Choose how sure you are"),
    ],
)
def test_a_prediction_that_cannot_be_made_starts_nothing_and_keeps_what_was_chosen(ada_client, lesson, arm, sure, said):
    response = ada_client.post(f"{ADDRESS}runs", {**OWN, "arm": arm, "sure": sure})
    text = Markup(response.content.decode())
    assert response.status_code == 422 and said in text
    assert not (Run.objects.exists() or Contribution.objects.exists() or Prediction.objects.exists())
    assert ('value="few" selected>' in text) == (arm == "few")
    assert ('<option value="80" selected>' in text) == (sure == "80")


def test_the_question_is_about_the_prompts_that_one_set_compares(lesson):
    few, order = lesson.parsed_findings
    assert [arm.id for arm in own_sets.question(lesson, few).arms] == ["zero", "few"]
    assert [arm.id for arm in own_sets.question(lesson, order).arms] == ["order-1", "order-2"]
    only = few.model_copy(update={"claims": few.claims[1:]})
    assert own_sets.question(lesson, only) is None
    with pytest.raises(Refused, match="listed arms"):
        own_sets.start(lesson, only, factories.UserFactory.create(), Guess("few", 0.7))


def test_the_path_tells_how_predictions_come_out(ada, ada_client, bob, lesson):
    for zero in (0, 0):
        contribute(ada, lesson, guess=Guess("few", 0.9), few=1, zero=zero)
    contribute(bob, lesson, guess=Guess("few", 0.5))
    assert "Your predictions" not in text_of(ada_client, "/path/")
    contribute(ada, lesson, "order", guess=Guess("order-1", 0.9), order_1=0, order_2=1)
    contribute(ada, lesson, "order", guess=Guess("order-2", 0.5), order_1=0, order_2=1)
    text = text_of(ada_client, "/path/")
    # 0.81, 0.81, then 0.01 and 0.25.
    assert "Brier score 0.47</strong> over 4 predictions" in text and text.count("<rect") == 4
    assert "earlier half had 0.81 and the later half 0.13" in text and "getting better" in text
    assert "Your predictions" not in text_of(logged_in(bob), "/path/")
