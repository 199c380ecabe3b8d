"""Claims of *Fine-tuning vs prompting: when to train your model*."""

from __future__ import annotations

import json
import re
from collections import Counter

from challenges.findings.text import filled
from challenges.lesson.demo import FEW, TUNED, ZERO, DemoRecord
from challenges.lesson.text import sections
from challenges.spec import Json
from tests.lessons.claims import Claims
from tests.lessons.evidence import Evidence

DOCTOR, MAIL = "symptom-specialty", "email-to-ticket"
TICKET = (
    "You charged me twice for one reading lamp. I need that money for the rent on Friday, so please put it right today."
)
WEIGHTS_7B = 7e9
# 32 layers of a model with 7 billion weights, their widths, and how often each table of weights stands in a layer.
NEW_NUMBERS_7B = 32 * 8 * (4 * (4096 + 4096) + 3 * (4096 + 11008))

claims = Claims(
    "fine-tuning-vs-prompting",
    advice=(
        "Prompting is better when | Fine-tuning is better when",
        "Method | Learns from | Changes | Use it for",
    ),
)


@claims.about(
    "text",
    "In the three challenges you write a prompt, train an adapter, and advise a company.",
    "The advisor asks eight questions.",
    "Eight short questions about your use case.",
)
def the_lesson_announces_what_it_has(evidence: Evidence) -> None:
    lesson = evidence.lesson.lesson
    assert lesson.requires == ()
    assert [one.challenge.kind for one in evidence.lesson.challenges] == ["prompt", "tune", "free_text"]
    assert lesson.advisor is not None and len(lesson.advisor.questions) == 8


@claims.about(
    "text",
    "The next lesson of *Working with language models* is *Is it any good?*, about measuring models.",
    "The lesson *Retrieval* lets you try it.",
    "looking things up, comes in step 5.",
)
def the_lessons_and_the_step_that_it_names_exist(evidence: Evidence) -> None:
    assert "retrieval" in {one.id for one in evidence.course.lessons}
    assert sections(evidence.lesson.text)[4].title.startswith("Look facts up")
    following = evidence.next_lesson()
    assert following is not None and following.lesson.title.startswith("Is it any good?")
    assert evidence.course.course.title == "Working with language models"


@claims.about("demo", "The model is SmolLM2-135M-Instruct, small enough for an ordinary processor.")
def the_demo_asks_the_built_in_model(evidence: Evidence) -> None:
    assert evidence.challenge(DOCTOR).challenge.model == "smollm2-135m-instruct"


@claims.about(
    "demo",
    "ask one model in three ways which doctor should read a message.",
    "The demo gives three answers.",
    "The third comes from **fine-tuning**: the model itself was changed beforehand, and its prompt is almost empty.",
    "each request reads a fraction of the tokens (words or pieces of words) and costs less.",
    live=True,
)
def the_fine_tuned_panel_reads_almost_nothing_but_the_question(evidence: Evidence) -> None:
    panels = evidence.demo.panels
    assert set(panels) == {ZERO, FEW, TUNED} == set(evidence.panels) and all(
        one.answer for one in evidence.panels.values()
    )
    assert panels[TUNED].tokens < panels[ZERO].tokens < panels[FEW].tokens
    assert panels[TUNED].tokens < panels[FEW].tokens / 3
    assert panels[TUNED].tokens - len(evidence.demo.reads) <= 10
    assert evidence.panels[TUNED].answer != evidence.panels[FEW].answer


@claims.about("demo", "Its confidence is calibrated", "It was fitted on the 50 public rows")
def the_recorded_demo_is_of_this_lesson(evidence: Evidence) -> None:
    record = DemoRecord.model_validate(evidence.lesson.measured["demo"])
    assert evidence.lesson.lesson.demo is not None and record.input == evidence.lesson.lesson.demo.chips[0]
    assert len(evidence.challenge(DOCTOR).public) == 50


@claims.about(
    "finding method",
    "The adapters were trained on the challenges' **starter rows**, which you get too.",
    "The experiment therefore has three training runs with three seeds.",
    "On symptoms there were six prompts, written by the author, three of them with examples. On tickets there was one "
    "prompt, with five random sets of three examples.",
    "The adapter also saw hundreds of labelled rows",
)
def the_adapter_leads_on_both_tasks(evidence: Evidence) -> None:
    for challenge, file, runs in ((DOCTOR, "baselines/lora.yaml", 6), (MAIL, "baselines/gold.yaml", 5)):
        rows = evidence.challenge(challenge).train
        assert {row.input for row in evidence.arm(challenge, file).rows} <= {row.input for row in rows}
        assert len(evidence.arm(challenge, file).rows) >= 200
        assert len(evidence.arm_record("method", "lora", challenge).runs) == 3
        assert len(evidence.arm_record("method", "prompts", challenge).runs) == runs
        assert evidence.claim("method", 1, challenge).found == "higher"
    (prompts,) = [arm for arm in evidence.lesson.findings[0].experiments[0].arms if arm.id == "prompts"]
    assert sum(bool(evidence.arm(DOCTOR, file).examples) for file in prompts.files) == 3


@claims.about(
    "finding examples",
    "Here they were drawn at random, eight times; look at how far the eight dots lie apart.",
    "so a set that was chosen by trying can be much better than none, as the six prompts above show.",
    "On the public rows, which are easier, five examples did help on average",
)
def random_examples_may_help_or_hurt(evidence: Evidence) -> None:
    runs = [run.values["score"] for run in evidence.arm_record("examples", "five").runs]
    none = evidence.mean("examples", "none")
    assert len(runs) == 8 and min(runs) < none < max(runs) and max(runs) - min(runs) > 0.1
    best = max(run.values["score"] for run in evidence.arm_record("method", "prompts", DOCTOR).runs)
    assert best > none + 0.1
    assert evidence.public_mean("examples", "five") > evidence.public_mean("examples", "none") + 0.1
    assert evidence.public_mean("examples", "five") > evidence.mean("examples", "five")


@claims.about(
    "finding order",
    "In the next experiment only the order of the same five examples changes.",
    "Look at how far the best order of a set lies from its worst.",
    "That is more than chance alone would give, but part of it is chance.",
)
def the_order_moves_the_score(evidence: Evidence) -> None:
    order = evidence.claim("order", 1)
    assert order.found == "spread" and order.effect > 0.05 and order.p < 0.05


@claims.about(
    "finding plain-way",
    "On the symptoms it scored about the same as the adapter:",
    "when it was trained on the same 250 starter rows as the adapter.",
    "it cannot write the ticket of the other task.",
)
def a_regression_scores_about_the_same_as_the_adapter_on_symptoms(evidence: Evidence) -> None:
    adapter = evidence.arm(DOCTOR, "baselines/lora.yaml")
    assert len(adapter.rows) == 250
    finding = next(one for one in evidence.lesson.findings if one.id == "plain-way")
    assert finding.experiments[0].arms[0].files == ("baselines/lora.yaml",)
    trained = evidence.arm_record("method", "lora", DOCTOR).mean["score"]
    assert trained - 0.01 <= evidence.mean("plain-way", "all") < trained + 0.03


@claims.about(
    "finding json",
    "Afterwards every one of the hidden e-mails became one valid ticket.",
    "Three examples give valid JSON at once; right decisions take training",
    "about as many as if every ticket had the same priority and category,",
)
def after_training_every_output_is_a_valid_ticket(evidence: Evidence) -> None:
    assert all(run.values["valid"] == 1 for run in evidence.arm_record("json", "lora").runs)
    assert evidence.mean("json", "none", "valid") < 0.1 and evidence.mean("json", "three", "valid") > 0.9
    assert evidence.mean("json", "lora", "decisions") > 2 * evidence.mean("json", "three", "decisions")
    targets = [row.target for row in evidence.challenge(MAIL).hidden if isinstance(row.target, dict)]
    most = [Counter(one[key] for one in targets).most_common(1)[0][1] for key in ("priority", "category")]
    same = sum(most) / len(most) / len(targets)
    assert abs(same - evidence.mean("json", "three", "decisions")) < 0.01


@claims.about(
    "text",
    "Before the run the model got the second e-mail bare, without instructions, and continued it with \"I'm "
    "going to the "
    'party tonight", over and over.',
    live=True,
)
def the_untrained_model_goes_to_a_party(evidence: Evidence) -> None:
    (answer,) = evidence.answers(MAIL, [TICKET])
    assert answer.startswith("I'm going to the party tonight.") and answer.count("I'm going to the party tonight") > 3


@claims.about(
    "text",
    "The author took two passes over all rows (two *epochs*), batches of 8 rows and a learning rate of `0.001`; a fold "
    "below explains these words.",
)
def the_settings_of_the_run_are_those_of_the_author_and_not_the_forms(evidence: Evidence) -> None:
    gold, start = (evidence.arm(MAIL, f"baselines/{name}.yaml") for name in ("gold", "start"))
    chosen = gold.hyperparameters
    assert len(gold.rows) == len(start.rows) == 500
    assert (chosen.num_train_epochs, chosen.per_device_train_batch_size, chosen.learning_rate) == (2, 8, 0.001)
    bound = evidence.challenge(MAIL).challenge.pass_
    assert evidence.measured(MAIL, "start")["score"] < bound <= evidence.measured(MAIL, "gold")["score"]


@claims.about(
    "table E-mail | Ticket",
    "| hi, is it normal that my strip goes purple after the update?? it should be warm white | `{",
    f"| {TICKET} | `{{",
    "Is the *form* right: valid JSON, the strict notation in the table?",
)
def the_tickets_of_the_table_fit_the_schema(evidence: Evidence) -> None:
    schema = evidence.challenge(MAIL).challenge.answer
    assert isinstance(schema, Json)
    tickets = re.findall(r"^\| .+ \| `(\{.+\})` \|$", evidence.lesson.text, re.MULTILINE)
    assert len(tickets) == 2
    for text in tickets:
        ticket = json.loads(text)
        assert list(ticket) == list(schema.fields)
        assert all(ticket[key] in allowed for key, allowed in schema.fields.items() if allowed != "string")
        assert 3 <= len(ticket["summary"].split()) <= 7


@claims.about("text", "Our small model needs minutes on an ordinary processor.")
def a_training_run_takes_minutes(evidence: Evidence) -> None:
    for challenge, name in ((DOCTOR, "lora"), (MAIL, "gold")):
        assert 60 < evidence.measured(challenge, name)["training"]["seconds"] < 15 * 60


@claims.about(
    "drawing assets/lora.svg",
    "With $r = 8$ a matrix of $4096 \\times 4096$ gets $2 \\times 8 \\times 4096 = 65{,}536$ new numbers, 0.4 % "
    "of its own "
    "16.8 million.",
    "the large frozen matrix W with 16,777,216 weights",
    "and have 65,536 weights together.",
)
def two_thin_matrices_have_a_hundredth_of_the_numbers(evidence: Evidence) -> None:
    assert 2 * 8 * 4096 == 65_536 and 4096 * 4096 == 16_777_216 and round(65_536 / 16_777_216, 3) == 0.004


@claims.about(
    "drawing assets/memory.svg",
    "That makes 112 GB.",
    "14 GB on the disk.",
    "an adapter of about 40 MB.",
    "Full fine-tuning: 112 GB, of which the weights and their gradients are 2 bytes each and the optimiser's "
    "state is 12. "
    "LoRA: 14.3 GB. QLoRA: 3.8 GB. A gaming card of 24 GB holds the last two.",
    "A 7B model then takes about 3.5 GB",
)
def the_memory_follows_from_bytes_for_each_weight(evidence: Evidence) -> None:
    adapter = 16 * NEW_NUMBERS_7B
    assert WEIGHTS_7B * 16 == 112e9 and WEIGHTS_7B * 2 == 14e9 and WEIGHTS_7B / 2 == 3.5e9
    assert 19.5e6 < NEW_NUMBERS_7B < 20.5e6 and 39e6 < 2 * NEW_NUMBERS_7B < 41e6
    assert round((WEIGHTS_7B * 2 + adapter) / 1e9, 1) == 14.3 and round((WEIGHTS_7B / 2 + adapter) / 1e9, 1) == 3.8


@claims.about("text", "In our small model, with $r = 8$, it is about a fiftieth of the weights.")
def the_adapter_is_a_fiftieth_of_the_small_model(evidence: Evidence) -> None:
    assert 45 < 1 / evidence.measured(DOCTOR, "lora")["training"]["trainable_share"] < 60


@claims.about(
    "text",
    "shortens the prompt from 1,500 tokens to 100, at half a euro for a million tokens.",
    "Then each request saves 0.0007 euros, and the run has paid for itself after 500,000 requests. At 8,000 a "
    "day that is "
    "nine weeks. At 80 a day it is seventeen years: keep the prompt.",
    "the saving falls to a tenth, and the nine weeks become almost two years.",
)
def the_sum_about_a_training_run_is_right(evidence: Evidence) -> None:
    saved = (1_500 - 100) * 0.5 / 1e6
    requests = 350 / saved
    assert round(saved, 4) == 0.0007 and round(requests) == 500_000
    assert round(requests / 8_000 / 7) == 9 and round(requests / 80 / 365) == 17
    assert 1.6 < 10 * requests / 8_000 / 365 < 2


@claims.about(
    "text",
    "The board of the second challenge compares forty rows with five hundred; the run on forty rows also makes "
    "far fewer "
    "steps, so rows are not the only difference.",
)
def the_board_compares_rows_and_steps(evidence: Evidence) -> None:
    few, many = evidence.arm(MAIL, "baselines/naive.yaml"), evidence.arm(MAIL, "baselines/gold.yaml")
    assert (len(few.rows), len(many.rows)) == (40, 500)
    taken = {name: evidence.measured(MAIL, name)["training"]["steps"] for name in ("naive", "gold")}
    assert taken["naive"] * 10 < taken["gold"]


@claims.about(
    "text",
    "These are not the runs of the findings, so scores may differ slightly.",
)
def the_board_and_the_findings_are_different_runs(evidence: Evidence) -> None:
    (file,) = [one for one in evidence.lesson.findings[0].experiments[0].arms[1].files if "zero-shot" in one]
    runs = {run.name: run.values["score"] for run in evidence.arm_record("method", "prompts", DOCTOR).runs}
    board, finding = evidence.measured(DOCTOR, "zero-shot")["score"], runs[file.split("/")[1].removesuffix(".yaml")]
    assert 0 < abs(board - finding) < 0.06
    examples = next(one for one in evidence.lesson.findings if one.id == "examples")
    assert filled(examples, evidence.lesson.records.findings["examples"], "{none.score}") == "0.48"


@claims.about(
    "text",
    "A model imitates what its rows have in common, a mistake that most of them share as well.",
)
def the_lesson_about_data_measured_shared_mistakes(evidence: Evidence) -> None:
    other = next(one for one in evidence.course.lessons if one.id == "fine-tuning-in-practice")
    assert other.records.findings["confused-rows"].experiments[0].claims[0].found == "higher"
