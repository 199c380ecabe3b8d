"""Claims of *Teaching preferences*."""

from __future__ import annotations

import math

from challenges.kinds.tune_keys import held_out, tune
from challenges.training_methods import METHODS
from graders.own_choices import DOUBLED
from graders.tune import TRIAL_STEPS
from tests.lessons.claims import Claims
from tests.lessons.evidence import Evidence, differing

SHORT, CLICKS = "short-and-still-right", "your-forty-clicks"

claims = Claims(
    "teaching-preferences",
    advice=("What you see | What has happened | Change first",),
)


@claims.about(
    "text",
    "In the challenges you teach a model to be brief and still right, then to share your taste, and you advise "
    "a company.",
    "This is the last lesson of the course so far.",
)
def the_lesson_announces_what_it_has(evidence: Evidence) -> None:
    names = [one.challenge.id for one in evidence.lesson.challenges]
    assert names == [SHORT, CLICKS, "the-bonus-that-backfired"]
    assert evidence.lesson.challenges[2].challenge.kind == "free_text" and evidence.next_lesson() is None


@claims.about(
    "finding told-apart",
    "So in *Short, and still right* we counted what the model *wrote*. Each run was repeated with three **seeds**",
    "The first DPO run told *all twelve* held-out pairs apart, and yet fewer than one in eight of its answers were "
    "right and short.",
    "The author's best run told all twelve apart as well, and most of its answers were right and short.",
    "This record holds only what the models wrote.",
)
def the_accuracy_does_not_tell_a_bad_run_from_a_good_one(evidence: Evidence) -> None:
    assert evidence.claim("told-apart", 1).found == "unclear"
    runs = evidence.arm_record("told-apart", "plain").runs
    assert len(runs) == 3 and all(set(run.values) == {"score"} for run in runs)
    first, best = evidence.measured(SHORT, "naive"), evidence.measured(SHORT, "gold")
    assert first["score"] == runs[0].values["score"] < 1 / 8 and runs[0].name == "seed 17"
    plain, naive = evidence.arm(SHORT, "findings/plain.yaml"), evidence.arm(SHORT, "baselines/naive.yaml")
    ours = naive.hyperparameters.model_dump(exclude_none=True)
    assert ours.items() <= plain.hyperparameters.model_dump().items() and plain.rows == naive.rows
    assert first["training"]["valid_accuracy"] == best["training"]["valid_accuracy"] == 1
    assert best["score"] > 0.5
    challenge = evidence.challenge(SHORT).challenge
    told = [
        held_out(tune(challenge), "dpo", one.rows)[1] for one in (naive, evidence.arm(SHORT, "baselines/gold.yaml"))
    ]
    assert [len(rows) for rows in told] == [12, 12]
    assert best["score"] == max(one["score"] for one in evidence.lesson.measured["baselines"][SHORT]["results"])


@claims.about(
    "finding anchor",
    "With such a loss the chosen answer itself becomes more probable",
    "With rpo_alpha at 1, and everything else as before",
)
def the_weight_raises_the_score(evidence: Evidence) -> None:
    anchored, plain = (evidence.arm(SHORT, f"findings/{name}.yaml") for name in ("anchored", "plain"))
    assert differing(anchored.hyperparameters, plain.hyperparameters) == {"rpo_alpha"}
    assert anchored.hyperparameters.rpo_alpha == 1 and plain.hyperparameters.rpo_alpha == 0
    assert evidence.claim("anchor", 1).found == "higher"


@claims.about(
    "finding learning-rate",
    "Is a higher rate better, or too high? That depends on model, rows and steps:",
    "With a learning rate of 2e-4",
    "With 1e-3, five times that rate, and everything else as before",
)
def the_higher_rate_scores_higher(evidence: Evidence) -> None:
    fast, anchored = (evidence.arm(SHORT, f"findings/{name}.yaml").hyperparameters for name in ("fast", "anchored"))
    assert differing(fast, anchored) == {"learning_rate"}
    assert (fast.learning_rate, anchored.learning_rate) == (1e-3, 2e-4)
    assert evidence.claim("learning-rate", 1).found == "higher"


@claims.about(
    "finding prompt-or-preferences",
    "And is all this better than an instruction? Measure that, too.",
    "Trained on sixty preferences, without any instruction",
)
def preferences_do_more_than_an_instruction(evidence: Evidence) -> None:
    fast = evidence.arm(SHORT, "findings/fast.yaml")
    assert len(fast.rows) == 60 and fast.hyperparameters.rpo_alpha == 1
    assert evidence.claim("prompt-or-preferences", 1).found == "higher"


@claims.about(
    "finding chosen-alone",
    "ordinary fine-tuning on the chosen answers alone. Here it scored higher:",
    "The same adapter was trained on the chosen answers alone, by ordinary fine-tuning, with the same settings.",
    "DPO also asked the model to write it (rpo_alpha 1).",
)
def the_chosen_answers_alone_score_higher(evidence: Evidence) -> None:
    finding = next(one for one in evidence.lesson.findings if one.id == "chosen-alone")
    chosen, both = finding.experiments[0].arms
    assert both.files == chosen.files == ("findings/fast.yaml",) and (both.control, chosen.control) == (None, "sft")
    assert evidence.arm(SHORT, "findings/fast.yaml").hyperparameters.rpo_alpha == 1
    assert evidence.claim("chosen-alone", 1).found == "higher"
    assert evidence.mean("chosen-alone", "chosen") > evidence.mean("chosen-alone", "both")


@claims.about(
    "table Setting | What it does | A place to start",
    "| `rpo_alpha` | how much writing the chosen answer counts | `1`, as in all of the author's runs that passed |",
    "`0.3` where answers must stay right, `0.1` for taste: not compared |",
    "| `2e-4` (0.0002) for our small model; later, with `rpo_alpha` 1, try `5e-4` and `1e-3` |",
    "| 2 or 3 epochs, batches of 2 or 4 |",
)
def the_places_to_start_are_those_of_runs_that_passed(evidence: Evidence) -> None:
    passed = {
        (challenge, name): evidence.arm(challenge, f"baselines/{name}.yaml").hyperparameters
        for challenge in (SHORT, CLICKS)
        for name in ("good", "gold")
    }
    for (challenge, name), chosen in passed.items():
        bound = evidence.challenge(challenge).challenge.pass_
        assert bound is not None and evidence.measured(challenge, name)["score"] >= bound
        assert chosen.rpo_alpha == 1 and chosen.learning_rate in (5e-4, 1e-3)
        assert chosen.num_train_epochs in (2, 3) and chosen.per_device_train_batch_size in (2, 4)
        beta = METHODS["dpo"].starts["beta"] if chosen.beta is None else chosen.beta
        assert beta == {SHORT: 0.3, CLICKS: 0.1}[challenge]
    started = [evidence.arm(SHORT, f"findings/{name}.yaml").hyperparameters for name in ("plain", "anchored")]
    assert {one.learning_rate for one in started} == {2e-4}


@claims.about(
    "text",
    "The *odds* of the chosen answer against the other have doubled when the large brackets hold $\\log 2 "
    "\\approx 0.69$. "
    "With $\\beta = 0.1$ that is a margin of 0.07, and with $\\beta = 0.3$ one of 0.21.",
    "A held-out choice counts if training has doubled the *odds* of your answer: its probability divided by that of "
    "the other.",
)
def a_choice_counts_where_the_odds_have_doubled(evidence: Evidence) -> None:
    assert math.log(2) == DOUBLED and [round(share * DOUBLED, 2) for share in (1, 0.1, 0.3)] == [0.69, 0.07, 0.21]


@claims.about(
    "text",
    "(*Try 20 steps* takes at most 20. *Submit* trains in full.)",
    "With 24 rows and two epochs, batches of 2 give 24 steps, batches of 8 only six.",
)
def the_steps_are_counted_right(evidence: Evidence) -> None:
    assert TRIAL_STEPS == 20 and [math.ceil(24 / size) * 2 for size in (2, 8)] == [24, 6]


@claims.about(
    "text",
    "Her clicks are honest, but nothing follows from them for a new pair. The model learns hers by heart, and "
    "gets about "
    "half of the new ones right.",
)
def clicks_without_a_rule_are_shared_about_half_of_the_time(evidence: Evidence) -> None:
    assert abs(evidence.measured(CLICKS, "naive")["score"] - 0.5) < 0.1


@claims.about("text", "[choose between a few answers](../../challenges/your-forty-clicks/choices/)")
def the_choices_can_be_made_before_the_challenge(evidence: Evidence) -> None:
    from django.urls import reverse

    assert reverse("learn:choices", args=[CLICKS]) == f"/challenges/{CLICKS}/choices/"
