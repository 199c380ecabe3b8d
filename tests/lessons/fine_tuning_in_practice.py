"""Claims of *Fine-tuning in practice*."""

from __future__ import annotations

import math
from collections import Counter

from challenges.findings.spec import Arm
from challenges.models.catalogue import known
from graders.tune import TRIAL_STEPS
from tests.lessons.claims import Claims
from tests.lessons.evidence import Evidence, differing, steps

CLEAN, HUNDREDTH = "clean-the-data", "hundredth-of-the-weights"

claims = Claims(
    "fine-tuning-in-practice",
    advice=("Training loss | Validation loss | What it means | What to do next",),
)


@claims.about(
    "text",
    "The lesson *Fine-tuning vs prompting* explains adapter and epoch.",
    "Next comes *Teaching preferences*: what to do when you cannot write down the right answer",
)
def the_lessons_that_it_names_exist(evidence: Evidence) -> None:
    following = evidence.next_lesson()
    assert following is not None and following.lesson.title.startswith("Teaching preferences:")
    assert evidence.lesson.lesson.requires == ("fine-tuning-vs-prompting",)


@claims.about(
    "finding confused-rows",
    "With the 400 rows as the office had sorted them",
    "Here one row in six was wrong, in two ways.",
    "these corrections are complete.",
    "They also evened out the labels: two teams had nearly twice as many rows as two others, and the hidden rows have "
    "equally many of each.",
    "so only the gain of both together is sure: it is not shown that one of the ideas mattered more.",
)
def correcting_both_ideas_helps(evidence: Evidence) -> None:
    given, corrected = evidence.arm(CLEAN, "findings/given.yaml"), evidence.arm(CLEAN, "baselines/gold.yaml")
    assert differing(given, corrected) == {"rows"} and len(given.rows) == len(corrected.rows) == 400
    before = {row.input: row.output for row in given.rows}
    wrong = [row.input for row in corrected.rows if before[row.input] != row.output]
    assert 5.5 < 400 / len(wrong) < 6.5
    half = {row.input: row.output for row in evidence.arm(CLEAN, "findings/one-of-two.yaml").rows}
    assert 0 < sum(half[text] == before[text] for text in wrong) < len(wrong)
    counts = sorted(Counter(row.output for row in given.rows).values())
    after = sorted(Counter(row.output for row in corrected.rows).values())
    assert counts[0] * 1.9 < counts[-2] and counts[-1] - counts[0] > 2 * (after[-1] - after[0])
    assert len(set(Counter(row.target for row in evidence.challenge(CLEAN).hidden).values())) == 1
    assert evidence.claim("confused-rows", 1).low > 0.03
    assert evidence.claim("confused-rows", 2).low < 0 and evidence.claim("confused-rows", 3).low < 0.01


@claims.about(
    "finding plain-way",
    "A simple baseline scored about the same here: a logistic regression, which is a weighted sum, on sentence "
    "embeddings, fitted in seconds.",
    "In a logistic regression, wrong rows cost score too",
)
def the_plain_way_does_as_well_as_the_adapter_on_the_same_rows(evidence: Evidence) -> None:
    for arm, file in (
        ("corrected", "baselines/gold"),
        ("one-of-two", "findings/one-of-two"),
        ("given", "findings/given"),
    ):
        files = {name: next(a.files for a in _arms(evidence, name) if a.id == arm) for name in WAYS}
        assert files["plain-way"] == files["confused-rows"] == (f"{file}.yaml",)
        assert abs(evidence.mean("plain-way", arm) - evidence.mean("confused-rows", arm)) < 0.04
    assert evidence.mean("plain-way", "corrected") >= evidence.mean("confused-rows", "corrected")
    assert abs(evidence.claim("plain-way", 1).effect - evidence.claim("confused-rows", 1).effect) < 0.06
    seconds = [run.cost["training_seconds"] for arm in evidence.record("plain-way").arms for run in arm.runs]
    assert max(seconds) < 60
    assert evidence.measured(CLEAN, "gold")["training"]["seconds"] > 2 * max(seconds)


WAYS = ("plain-way", "confused-rows")


def _arms(evidence: Evidence, finding: str) -> tuple[Arm, ...]:
    return next(one for one in evidence.lesson.findings if one.id == finding).experiments[0].arms


@claims.about(
    "finding plain-curve",
    "Keep the number of *steps*, explained below, about the same (fewer rows, more epochs); otherwise you also measure "
    "the steps. A logistic regression has none:",
    "With 25 rows, five for each desk",
)
def the_curve_is_steep_at_first(evidence: Evidence) -> None:
    arms = [evidence.mean("plain-curve", name) for name in ("twenty-five", "fifty", "hundred", "all")]
    assert arms == sorted(arms)
    assert len(evidence.challenge(HUNDREDTH).train) == 200
    assert [len(arm.runs) for arm in evidence.record("plain-curve").arms] == [3, 5, 5, 5]


@claims.about(
    "finding small-batches",
    "So where the budget allows only a pass or two, **try small batches** first.",
    "Both sizes had one learning rate",
    "In batches of 16, one pass over 200 rows has 13 steps",
    "Rows, number of tokens and learning rate were the same.",
)
def small_batches_score_higher_in_one_pass(evidence: Evidence) -> None:
    four, sixteen = evidence.arm(HUNDREDTH, "findings/lr-high.yaml"), evidence.arm(HUNDREDTH, "findings/batch-16.yaml")
    assert (steps(four), steps(sixteen)) == (50, 13) and differing(four, sixteen) == {"hyperparameters"}
    assert differing(four.hyperparameters, sixteen.hyperparameters) == {"per_device_train_batch_size"}
    assert evidence.claim("small-batches", 1).found == "higher"


@claims.about(
    "text",
    "A hundred and fifty rows in batches of 16 make 10 steps in an epoch (rounded up, since the last batch is "
    "smaller). "
    "In batches of 4 they make 38, and in batches of 2 they make 75.",
    "20 batches of 16 are 320 rows, and 20 batches of 2 are only 40",
    "A trial of 20 steps shows how fast a learning rate learns",
)
def the_steps_are_counted_right(evidence: Evidence) -> None:
    assert [math.ceil(150 / size) for size in (16, 4, 2)] == [10, 38, 75]
    assert TRIAL_STEPS == 20 and (20 * 16, 20 * 2) == (320, 40)


@claims.about(
    "text",
    "Never copy a learning rate from one method to the other.",
    "Each dot of an adapter in these findings is a run with another **seed**",
)
def an_adapter_needs_the_higher_rate(evidence: Evidence) -> None:
    high, low = evidence.arm(HUNDREDTH, "findings/lr-high.yaml"), evidence.arm(HUNDREDTH, "findings/lr-low.yaml")
    assert steps(high) == steps(low) == 50
    assert differing(high.hyperparameters, low.hyperparameters) == {"learning_rate"}
    assert (high.hyperparameters.learning_rate, low.hyperparameters.learning_rate) == (0.001, 0.0002)
    assert evidence.claim("learning-rate", 1).found == "higher"
    for finding in evidence.lesson.findings:
        trained = {arm.id for arm in finding.experiments[0].arms if arm.control is None}
        runs = [run for arm in evidence.record(finding.id).arms if arm.id in trained for run in arm.runs]
        assert all(run.name.startswith("seed ") for run in runs)


@claims.about(
    "text",
    "For about fifty steps the author took batches of 4, a learning rate of `0.001`, and `lora_alpha` at four times",
    "For a few hundred steps, in *Clean the data*, it was half of the rate and `lora_alpha` at twice `r`. Other values "
    "of `lora_alpha` were not tried.",
    "For the small model of this course and about fifty steps, 0.001 is a place to start.",
)
def the_places_to_start_are_those_of_recorded_runs(evidence: Evidence) -> None:
    short = evidence.arm(HUNDREDTH, "baselines/good.yaml").hyperparameters
    assert steps(evidence.arm(HUNDREDTH, "baselines/good.yaml")) == 50 and short.learning_rate == 0.001
    assert short.per_device_train_batch_size == 4 and short.lora_alpha == 4 * short.r
    long = evidence.arm(CLEAN, "baselines/gold.yaml").hyperparameters
    assert steps(evidence.arm(CLEAN, "baselines/gold.yaml")) == 200
    assert long.learning_rate == short.learning_rate / 2 and long.lora_alpha == 2 * long.r
    for challenge, name in ((HUNDREDTH, "good"), (CLEAN, "gold")):
        assert evidence.measured(challenge, name)["score"] >= evidence.challenge(challenge).challenge.pass_


@claims.about(
    "table Full | LoRA | QLoRA",
    "| is trained | every weight | an adapter, often under a hundredth of the weights |",
    "the adapter: 2.5 MB for our small model",
    "| time for one step | more than LoRA | least | most, in our runs",
)
def sizes_and_times_are_those_of_recorded_runs(evidence: Evidence) -> None:
    full, lora, qlora = (evidence.measured(HUNDREDTH, name)["training"] for name in ("full", "good", "qlora"))
    assert full["trainable_share"] == 1 and lora["trainable_share"] < 0.01 and qlora["trainable_share"] < 0.01
    assert round(lora["adapter_bytes"] / 1e6, 1) == 2.5 == round(qlora["adapter_bytes"] / 1e6, 1)
    assert full["steps"] == lora["steps"] == qlora["steps"]
    assert lora["seconds"] < full["seconds"] < qlora["seconds"]
    assert 7e9 * 16 == 112e9 and 7e9 * 2 == 14e9 and 7e9 / 2 == 3.5e9


@claims.about(
    "finding full-or-adapter",
    "Does the small adapter do the same job?",
    "The interval contains zero, so on these rows we cannot say which of the two is better.",
    "Rows, passes and batches were the same, and each method had a learning rate that suits it",
    "the logistic regression of *The curve of rows, measured without steps* had a higher mean than either",
)
def no_difference_was_found(evidence: Evidence) -> None:
    lora, full = evidence.arm(HUNDREDTH, "findings/lr-high.yaml"), evidence.arm(HUNDREDTH, "findings/full.yaml")
    assert [row.input for row in lora.rows] == [row.input for row in full.rows] and steps(lora) == steps(full) == 50
    assert evidence.claim("full-or-adapter", 1).found == "unclear"
    means = [evidence.mean("full-or-adapter", arm) for arm in ("lora", "full")]
    assert evidence.mean("plain-curve", "all") > max(means)


@claims.about(
    "drawing assets/one-base.svg",
    "the base model with 538 MB that is never changed. On it lie three small bars of 2.5 MB",
    "The base model of this course is only packaged as a file with 4 bits for each weight.",
)
def the_base_and_its_adapters_have_these_sizes(evidence: Evidence) -> None:
    challenge = evidence.challenge(HUNDREDTH).challenge
    full = evidence.measured(HUNDREDTH, "full")["training"]["adapter_bytes"]
    assert round(2 * full / 1e6) == 538, "a full model is kept with 2 bytes for each weight, and the base has 4"
    assert challenge.model is not None and known()[challenge.model].precision == "Q4_1"
