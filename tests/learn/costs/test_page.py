"""The page about costs: what it shows of whom, at which prices, and the button that has an attempt measured."""

from __future__ import annotations

import html
import re

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse

from challenges.reading import read_course
from gradus.courses.services import publish
from gradus.submissions import services
from gradus.submissions.budgets import limits
from gradus.submissions.models import Run, Slot
from tests import factories
from tests.challenges.factory import write_course, write_prompt_challenge
from tests.learn.costs import compared as scene
from tests.learn.findings import made_up
from tests.markup import without_drawn

COSTS = reverse("learn:costs", args=["sea-or-sky"])
MEASURE = reverse("learn:costs_measure", args=["sea-or-sky"])


def lines(response):
    return {(line.entry.approach, line.entry.is_own): line for line in response.context["comparison"].lines}


def publish_prompt(folder, **changes):
    root = write_course(folder)
    write_prompt_challenge(root / "first" / "sea-or-sky", **changes)
    publish(read_course(root))


def test_own_attempts_stand_beside_the_authors_results(client, ada, tmp_path):
    publish_prompt(tmp_path, metric={"name": "accuracy"})
    scene.compared(ada)
    client.force_login(ada)
    response = client.get(COSTS)
    found = lines(response)
    assert list(found) == [
        ("zero-shot", False), ("few-shot", False), ("few-shot", True), ("lora", False), ("lora", True),
    ]  # fmt: skip
    mine, authors = found["lora", True].entry, found["lora", False].entry
    assert (mine.score, authors.score) == (0.82, 0.90)
    assert mine.training_seconds == (40.0, 38.0) and mine.peak_bytes == 655_000_000
    assert mine.ms.value == 5.1 and (mine.ms.low, mine.ms.high) == (4.5, 5.5)
    assert authors.ms is None
    text = response.content.decode()
    assert "0.76 to 0.88" in text and "655.0 MB" in text and "rounded down to 200" in text
    assert "210" not in without_drawn(text)


PLAIN_ARMS = [
    {"id": "lora", "title": "LoRA", "files": ["baselines/lora.yaml"], "seeds": [17, 18, 19]},
    {"id": "plain", "title": "Embeddings", "files": ["baselines/lora.yaml"], "seeds": [17, 18], "control": "linear"},
]
PLAIN_COSTS = [
    {"training_seconds": 3.2, "bytes": 7700.0, "ms": 4.0},
    {"training_seconds": 5.6, "bytes": 7700.0, "ms": 6.0},
]


def publish_with_the_plain_way(folder):
    finding = {
        "id": "plain-way",
        "title": "The plain way",
        "statement": "It reaches {plain.score}.",
        "limits": "Words about the sea.",
        "experiments": [{"challenge": "sea-or-sky", "arms": PLAIN_ARMS}],
        "claims": [{"arms": ["lora", "plain"], "varies": "method", "found": "unclear"}],
    }
    run = {"values": {"score": 0.857}, "public": {"score": 0.9}}
    arms = [
        {"id": "lora", "runs": [{"name": "seed 17", **run}], "mean": {"score": 0.857}},
        {
            "id": "plain",
            "runs": [{"name": f"seed {n}", **run, "cost": cost} for n, cost in enumerate(PLAIN_COSTS, 17)],
            "mean": {"score": 0.857},
        },
    ]
    claim = {"effect": 0.0, "low": -0.1, "high": 0.1, "p": 1.0, "found": "unclear", "holds": True}
    experiment = {"challenge": "sea-or-sky", "rows": 6, "arms": arms, "claims": [claim]}
    record = {"digest": "d" * 64, "machine": "m", "day": "2026-11-29", "experiments": [experiment]}
    publish(made_up.bundle(folder, [finding], {"plain-way": record}))


def test_the_plain_way_is_a_fourth_approach_with_the_cost_of_its_record(client, ada, tmp_path):
    publish_with_the_plain_way(tmp_path)
    scene.compared(ada)
    client.force_login(ada)
    response = client.get(COSTS)
    line = lines(response)["linear", False]
    entry = line.entry
    assert (entry.title, entry.name) == ("Embeddings and logistic regression", "Embeddings")
    assert (entry.score, entry.training_seconds) == (0.84, (5.0,))
    assert (entry.ms.value, entry.ms.low, entry.ms.high) == (5.0, 4.0, 6.0)
    assert (line.plain, line.training, entry.tokens) == (None, None, None)
    text = html.unescape(response.content.decode())
    for said in ("7.5\xa0KB", "in the author's record", "is a simple baseline: a small model reads the texts"):
        assert said in text
    assert [even.entry.approach for even in response.context["comparison"].break_evens] == ["lora", "lora"]
    sentences = opening(response)
    assert (
        "has the cheapest requests" in sentences and "Embeddings and logistic regression answers fastest" in sentences
    )
    assert "Four approaches to" in client.get(reverse("learn:challenge", args=["sea-or-sky"])).content.decode()
    costs = client.get("/api/v1/challenges/sea-or-sky/costs").json()["costs"]
    plain = next(one for one in costs if one["approach"] == "linear")
    assert (plain["bytes"], plain["ms"]["value"], plain["tokens_read"], plain["training_seconds"]) == (
        7700,
        5.0,
        None,
        [5],
    )


def headers(response):
    """The columns of all tables on the page."""
    found = re.findall(r'<th scope="col"[^>]*>(.*?)</th>', response.content.decode())
    return {html.unescape(one) for one in found} - {"Method"}


def opening(response):
    """The words between the page's heading and its first table or form, without tags."""
    text = response.content.decode().partition("</h1>")[2].partition("<section")[0]
    return html.unescape(" ".join(re.sub("<[^>]*>", "", text).split()))


def test_the_page_opens_with_its_answer(client, ada, tmp_path):
    publish_prompt(tmp_path, metric={"name": "accuracy"}, **{"pass": 0.74})
    scene.compared(ada)
    client.force_login(ada)
    said = opening(client.get(COSTS, {"input": "1", "cached": "0", "output": "1", "training": "3600"}))
    assert said.startswith("LoRA scores highest, with 0.90 (the author's “lora”).")
    # Its range ends at 0.82, and that of the author's LoRA begins at 0.85.
    assert "may be as good" not in said
    # 100 seconds at 1 per second, over 403 tokens less at 1 per million.
    assert (
        "Among the results that reach the pass mark of 0.74, LoRA has the cheapest requests (the author's “lora”): 0.02"
        in said
    )
    assert "Training LoRA has paid for itself after 248,139 requests (the author's “lora”)" in said
    assert "compared with the prompt that scores highest (Few-shot, 0.76)" in said
    assert "Of the methods that were measured, LoRA answers fastest (your best attempt): 5.1 ms" in said


def test_the_answer_names_another_method_that_may_be_as_good(client, ada, tmp_path):
    publish_prompt(tmp_path, metric={"name": "accuracy"})
    scene.with_authors()
    scene.attempt(ada, factories.PROMPT, 0.88)
    client.force_login(ada)
    assert "Few-shot with 0.88 (your best attempt) may be as good" in opening(client.get(COSTS))


def test_the_answer_says_where_training_never_pays_and_where_nothing_passes(client, ada, tmp_path):
    publish_prompt(tmp_path, **{"pass": 0.95, "gold": 0.97})
    scene.compared(ada)
    client.force_login(ada)
    said = opening(client.get(COSTS, {"input": "0", "cached": "0", "output": "0", "training": "1"}))
    assert "Training LoRA never pays for itself in money" in said
    assert "None of the results reaches the pass mark of 0.95." in said and "cheapest" not in said


def test_of_one_result_nothing_is_compared(client, ada, course):
    scene.attempt(ada, factories.PROMPT, 0.7)
    client.force_login(ada)
    said = opening(client.get(COSTS))
    assert said.startswith("So far there is one result: Few-shot, with 0.70 (your best attempt).")
    assert "cheapest" not in said and "Training" not in said and "fastest" not in said


def test_columns_in_which_nothing_was_measured_stay_away(client, ada, course):
    scene.with_authors()
    before = client.get(COSTS)
    assert headers(before) == {
        *("Score", "Weights trained", "Size on disk", "Memory for training", "Training time"),
        *("Tokens read", "Tokens written", "Training, once", "1,000 requests", "In money"),
    }
    assert "not measured" not in before.content.decode() and not re.search(r"<td[^>]*>\s*\?", before.content.decode())
    scene.compared(ada)
    client.force_login(ada)
    after = client.get(COSTS)
    assert headers(after) - headers(before) == {
        *("of these the same each time", "Time", "Measuring", "1,000 requests with prompt caching"),
        *("In money, with prompt caching", "In computing time"),
    }
    assert "not measured" in after.content.decode()


def test_without_a_trained_method_there_is_no_column_about_training(client, ada, course):
    scene.attempt(ada, factories.PROMPT, 0.7)
    client.force_login(ada)
    response = client.get(COSTS)
    assert not {one for one in headers(response) if "rain" in one}
    assert "nothing is trained" not in response.content.decode()


def test_a_score_that_is_no_mean_over_samples_has_no_range(client, course):
    scene.with_authors()
    response = client.get(COSTS)
    assert not response.context["comparison"].has_interval and "is not a mean over samples" in response.content.decode()


def test_a_visitor_sees_the_authors_results_and_no_button(client, course):
    scene.with_authors()
    text = client.get(COSTS).content.decode()
    assert "the author" in text and "your best attempt" not in text and MEASURE not in text


def test_the_best_attempt_of_each_method_counts(client, ada, course):
    scene.attempt(ada, factories.PROMPT, 0.5)
    best = scene.attempt(ada, {**factories.PROMPT, "instructions": "Better."}, 0.9)
    plain = scene.attempt(ada, {"kind": "prompt", "instructions": "Nothing else."}, 0.6)
    client.force_login(ada)
    own = {approach: line.entry.submission for (approach, is_own), line in lines(client.get(COSTS)).items() if is_own}
    assert own == {"zero-shot": plain, "few-shot": best}


def test_the_best_attempt_of_each_training_method_counts(client, ada, tmp_path):
    limits = {"rows_max": 100, "row_tokens_max": 64, "tokens_max": 20_000}
    publish_prompt(tmp_path, tune={"methods": ["lora", "full"], **limits})
    whole = {key: value for key, value in factories.LORA.items() if key != "hyperparameters"} | {"method": "full"}
    scene.attempt(ada, whole, 0.5)
    full = scene.attempt(ada, {**whole, "instructions": "Sea or sky?"}, 0.6)
    lora = scene.attempt(ada, factories.LORA, 0.9)
    client.force_login(ada)
    own = {approach: line.entry.submission for (approach, is_own), line in lines(client.get(COSTS)).items() if is_own}
    assert own == {"lora": lora, "full": full}


def test_of_an_attempt_that_did_not_move_a_ladder_nothing_is_shown(client, ada, tmp_path):
    publish_prompt(tmp_path, feedback={"mode": "ladder", "step": 0.02})
    first = scene.attempt(ada, factories.PROMPT, 0.7)
    scene.attempt(ada, {"kind": "prompt", "instructions": "Worse."}, 0.3)
    client.force_login(ada)
    own = [line.entry for line in client.get(COSTS).context["comparison"].lines if line.entry.is_own]
    assert [(one.submission, one.score) for one in own] == [(first, 0.7)]


def test_somebody_elses_attempts_are_not_shown(client, ada, bob, course):
    scene.compared(ada)
    client.force_login(bob)
    assert not any(line.entry.is_own for line in client.get(COSTS).context["comparison"].lines)


def test_prices_are_typed_kept_and_forgotten(client, ada, course):
    scene.compared(ada)
    client.force_login(ada)
    assert "only examples" in client.get(COSTS).content.decode()
    typed = {"input": "2", "cached": "0.5", "output": "8", "training": "6"}
    line = lines(client.get(COSTS, typed))["few-shot", True]
    rows = len(line.entry.submission.version.samples)
    read = sum(420 + n % 5 for n in range(rows)) / rows
    written = sum(1 + n % 2 for n in range(rows)) / rows
    assert line.plain.value == pytest.approx((2 * read + 8 * written) / 1000)
    assert line.cached.value == pytest.approx((0.5 * 410 + 2 * (read - 410) + 8 * written) / 1000)
    again = client.get(COSTS)
    assert lines(again)["few-shot", True] == line and "the prices that you typed" in again.content.decode()
    assert "only examples" in client.get(COSTS, {"reset": "1"}).content.decode()


def test_the_sites_prices_come_before_examples(client, course, settings):
    settings.PRICES = {"input": 0.15, "cached": None, "output": None, "training": None}
    settings.CURRENCY = "EUR"
    scene.with_authors()
    response = client.get(COSTS)
    assert response.context["prices"].input == 0.15 and "EUR per million" in response.content.decode()
    assert "set by the people who run this site" in response.content.decode()


@pytest.mark.parametrize("typed", ["-1", "many", "nan", "1e9", "inf"])
def test_a_price_that_is_none_is_refused_beside_its_field(client, course, typed):
    scene.with_authors()
    response = client.get(COSTS, {"input": typed, "output": "5"})
    text = response.content.decode()
    assert response.status_code == 422
    assert 'id="id_input_error">Type an amount from 0 to 1,000,000' in text
    assert f'value="{typed}"' in text and 'value="5"' in text
    assert "prices" not in client.session


def test_training_pays_after_its_cost_over_what_a_request_saves(client, ada, course):
    scene.compared(ada)
    client.force_login(ada)
    typed = {"input": "1", "cached": "0", "output": "1", "training": "3600"}
    comparison = client.get(COSTS, typed).context["comparison"]
    authors, mine = comparison.break_evens
    assert comparison.prompt.is_own and comparison.prompt.score == 0.76
    # 400 tokens less at 1 per million, and 40 and 38 seconds at 1 per second.
    assert (mine.plain.calls, mine.plain.low, mine.plain.high) == (97_500, 95_000, 100_000)
    # With caching, 410 of those cost nothing anyway, and fewer of the others have to be read than with the adapter.
    assert mine.cached is None and mine.knows_cache
    # 39 seconds over 13 - 5.1 ms; the ends are from the quickest and the slowest repetitions.
    assert (mine.time.calls, mine.time.low, mine.time.high) == (4937, 3620, 6154)
    assert authors.plain.calls > 0 and not authors.plain.has_spread and not authors.knows_cache
    text = client.get(COSTS).content.decode()
    assert "never" in text and "prompt that scores highest" in text


def test_the_button_has_an_attempt_measured(client, ada, course):
    made = scene.attempt(ada, factories.PROMPT, 0.7)
    client.force_login(ada)
    response = client.post(MEASURE, {"attempt": made.uuid})
    assert response.status_code == 302 and response["Location"] == COSTS + "#requests"
    assert Run.objects.get().measures == made and Slot.objects.of(limits.MEASUREMENTS).get().user == ada
    assert "waits until nothing else runs" in client.get(COSTS).content.decode()


def test_somebody_elses_attempt_and_what_is_none_cannot_be_measured(client, ada, bob, course):
    made = scene.attempt(ada, factories.PROMPT, 0.7)
    client.force_login(bob)
    assert [client.post(MEASURE, {"attempt": one}).status_code for one in (made.uuid, "none", "")] == [404, 404, 404]
    assert not Run.objects.exists()


def test_a_visitor_is_asked_to_sign_in(client, course):
    response = client.post(MEASURE, {"file": "baselines/good.yaml"})
    assert response.status_code == 302 and "Sign in" in str(next(iter(get_messages(response.wsgi_request))))
    assert not Run.objects.exists()


def test_the_authors_result_is_measured_for_everybody(client, ada, bob, course):
    scene.with_authors()
    client.force_login(ada)
    client.post(MEASURE, {"file": "baselines/good.yaml"})
    scene.found(Run.objects.get(), [3.0, 2.0, 4.0, 3.5, 2.5], [[400, 1], [402, 2]], 380)
    client.force_login(bob)
    line = lines(client.get(COSTS))["few-shot", False]
    assert line.entry.ms.value == 3.0 and line.read.value == 401


def test_a_challenge_without_a_model_has_no_such_page(client, course):
    assert client.get(reverse("learn:costs", args=["explain"])).status_code == 404


def test_the_former_board_leads_to_the_page(client, course):
    response = client.get(reverse("learn:board", args=["sea-or-sky"]))
    assert response.status_code == 301 and response["Location"] == COSTS


def test_a_failed_measurement_says_why(client, ada, course):
    made = scene.attempt(ada, factories.PROMPT, 0.7)
    client.force_login(ada)
    client.post(MEASURE, {"attempt": made.uuid})
    evaluation = factories.claimed(Run.objects.get())
    services.reject(evaluation.pk, evaluation.fence, "timeout")
    text = client.get(COSTS).content.decode()
    assert "The last measurement failed." in text and "Measure" in text
