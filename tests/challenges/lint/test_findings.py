"""What lint says of findings that prove nothing, and of records that are missing or stale."""

from __future__ import annotations

import json

import pytest

from challenges.findings.digest import finding_digest
from challenges.reading import BundleErrors, read_lesson
from tests.challenges import factory
from tests.challenges.factory import lint_but_hints as lint


def written(tmp_path, *findings, **changes):
    return factory.write_findings(factory.write_lesson(tmp_path), *(findings or [factory.finding(**changes)]))


def arms(*changed, challenge="sea-or-sky"):
    """One experiment with two arms of five example sets each and their changes."""
    made = []
    for number, change in enumerate(changed):
        sets = {"example_sets": {"count": 5}} if "seeds" not in change and "files" not in change else {}
        made.append({"id": f"a{number}", "title": "An arm", "files": ["findings/plain.yaml"], **sets, **change})
    return [{"challenge": challenge, "arms": made}]


def claim(**changes):
    return [{"arms": ["a0", "a1"], "varies": "examples", "found": "higher", **changes}]


def said(root, file="findings.yaml"):
    """What is wrong but for records that are missing."""
    return [str(p) for p in lint(root) if "has no record" not in p.what and p.file.endswith(file)]


def only(root, file="findings.yaml"):
    found = said(root, file)
    assert len(found) == 1, found
    return found[0]


def payload(root, name, **content):
    factory.write_yaml(root / f"sea-or-sky/findings/{name}.yaml", {"kind": "prompt", **content})


TEXTS = {"statement": "Something.", "limits": "One model."}


def record(lesson, **changes):
    """Writes the record that `prove` would, with invented numbers."""
    bundle = read_lesson(lesson)
    found = bundle.findings[0]
    bundles = {one.challenge.id: one for one in bundle.challenges}
    arm = {"runs": [{"name": "plain", "values": {"score": 0.5}}], "mean": {"score": 0.5}}
    numbers = {"effect": 0.2, "low": 0.1, "high": 0.3, "p": 0.01, "found": "higher", "holds": True, **changes}
    one = {
        "digest": finding_digest(found, bundles, bundle.arms),
        "machine": "a machine",
        "day": "2026-11-27",
        "experiments": [
            {
                "challenge": "sea-or-sky",
                "rows": 6,
                "arms": [{"id": a.id, **arm} for a in found.experiments[0].arms],
                "claims": [numbers for _ in found.claims],
            }
        ],
    }
    (lesson / "findings.json").write_text(json.dumps({"schema": 1, "findings": {found.id: one}}))
    return lesson


# --- experiments and claims ---------------------------------------------------------------------------------------


def test_a_finding_without_a_record_is_told_and_nothing_else(tmp_path):
    found = [str(problem) for problem in lint(written(tmp_path))]
    assert found == ["findings.yaml:3: `examples-help` has no record: run `gradus challenge prove`"]


def test_a_fresh_record_that_holds_leaves_nothing_to_say(tmp_path):
    assert lint(record(written(tmp_path))) == []


def test_an_arms_file_that_is_missing_or_refused_or_shows_a_hidden_row_is_told_with_its_place(tmp_path):
    file = "sea-or-sky/findings/other.yaml"
    root = written(tmp_path, **TEXTS, experiments=arms({"files": ["findings/other.yaml"]}, {}), claims=claim())
    assert only(root, file).startswith(f"{file}: the file is missing: write the submission there")
    payload(root, "other", sentences=["x"])
    assert f"{file}:2: the key `sentences` is unknown" in only(root, file)
    with pytest.raises(BundleErrors):
        read_lesson(root)
    payload(root, "other", label_words={"land": "x"})
    assert only(root, file).startswith(f"{file}:2: a submit would be refused")
    payload(root, "other", examples=[{"input": "I saw a FISH today!", "output": "sea"}])
    assert "number 1 of examples is a hidden row" in only(root, file)


def test_drawn_examples_that_are_too_many_are_told_at_the_arm(tmp_path):
    root = written(tmp_path)
    factory.write_yaml(root / "sea-or-sky/challenge.yaml", factory.prompt_spec(limits={"examples_max": 1}))
    found = said(root)
    assert found[0].startswith("findings.yaml:10: set 1: a submit would be refused (too_many_examples)")
    assert len(found) == 5


@pytest.mark.parametrize("name", ["findings/close.yaml", "baselines/good.yaml"])
def test_an_arm_or_a_baseline_that_nearly_repeats_a_hidden_row_is_told(tmp_path, name):
    root = written(tmp_path, **TEXTS, experiments=arms({"files": ["findings/close.yaml"]}, {}), claims=claim())
    payload(root, "close")
    close = {"kind": "prompt", "examples": [{"input": "I saw one fish today", "output": "sea"}]}
    factory.write_yaml(root / "sea-or-sky" / name, close)

    def similarity(bundle):
        from challenges.lint.similarity import similarity

        return similarity(bundle, lambda texts: [fish(text) for text in texts])

    found = [str(problem) for problem in lint(root, similarity) if name in problem.file]
    assert len(found) == 1, found
    assert found[0].startswith(f"sea-or-sky/{name}: its example or row 1 is nearly the same as hidden.jsonl:1")


def fish(text):
    """Texts with a fish lie close together; every other text is alone."""
    vector = [0.0] * 60
    vector[0 if "fish" in text else 1 + sum(map(ord, text)) % 59] = 1.0
    return vector


@pytest.mark.parametrize(
    ("changed", "varies"),
    [
        ({"instructions": "Sea or sky?"}, "instructions"),
        ({"example": "{input}: {output}"}, "example"),
        ({"label_words": {"sea": "water"}}, "label_words"),
    ],
)
def test_arms_that_differ_in_the_thing_that_is_named_are_fine(tmp_path, changed, varies):
    one = {"files": ["findings/other.yaml"], "example_sets": {"count": 5}}
    assert said(compared(tmp_path / "a", {}, one, payloads={"other": changed}, varies=varies)) == []
    other = compared(tmp_path / "b", {}, one, payloads={"other": changed}, varies="order")
    assert f"differ in {varies}, but the claim varies order" in only(other)


def test_training_methods_are_compared_with_settings_of_their_own(tmp_path):
    trained = [{"files": [f"findings/{name}.yaml"], "seeds": [17, 18, 19]} for name in ("adapter", "whole")]
    root = compared(tmp_path, *trained, varies="method")
    section = {"rows_max": 100, "row_tokens_max": 64, "tokens_max": 20_000, "methods": ["lora", "full"]}
    factory.write_yaml(root / "sea-or-sky/challenge.yaml", factory.prompt_spec(tune=section))
    payload(root, "adapter", kind="tune", rows_file="../train.jsonl", hyperparameters={"learning_rate": 0.001})
    rates = {"learning_rate": 0.0001}
    payload(root, "whole", kind="tune", method="full", rows_file="../train.jsonl", hyperparameters=rates)
    assert said(root) == []
    payload(root, "whole", kind="tune", method="full", rows_file="fewer.jsonl", hyperparameters=rates)
    factory.write_rows(root / "sea-or-sky/findings/fewer.jsonl", [{"input": "A gull", "output": "sky"}])
    assert "differ in method and rows, but the claim varies method" in only(root)


PLAIN_FILE, LORA_FILE = {"files": ["findings/plain.yaml"]}, {"files": ["baselines/lora.yaml"]}
OTHER = {"files": ["findings/other.yaml"]}
SETS = {"example_sets": {"count": 5}}
COPIES = [f"copy{n}" for n in range(5)]


def compared(folder, *changed, payloads=None, **claimed):
    """A lesson with one experiment whose arms have these changes, and one claim about them."""
    root = written(folder, **TEXTS, experiments=arms(*changed), claims=claim(**claimed))
    for name, content in (payloads or {}).items():
        payload(root, name, **content)
    return root


def test_arms_that_differ_in_something_else_or_in_nothing_are_told(tmp_path):
    found = only(compared(tmp_path / "a", {}, OTHER, payloads={"other": {"label_words": {"sea": "water"}}}))
    assert "`a0` and `a1` differ in examples and label_words, but the claim varies examples" in found
    assert "let them differ in examples only (give both the same label_words)" in found
    # What is written out is the challenge's own template, and a label that stands for itself is no word.
    same = {"other": {"example": "Thing: {input}\nPlace: {output}", "label_words": {"sea": "sea"}}}
    found = only(compared(tmp_path / "b", {}, {**OTHER, **SETS}, payloads=same, varies="example"))
    assert "`a0` and `a1` do not differ in anything: let them differ in example" in found
    found = only(compared(tmp_path / "c", {}, {"order": [1, 0]}, varies="method"))
    assert "differ in order, but the claim varies method" in found


def test_too_few_repetitions_are_told(tmp_path):
    payloads = {name: {"instructions": "Sea or sky?"} for name in ("other", *COPIES)}
    once = {"payloads": payloads, "varies": "instructions"}
    found = only(compared(tmp_path / "a", OTHER, PLAIN_FILE, **once))
    assert "no arm of the claim is repeated often enough" in found
    assert "repeat one over 5 example sets or files, or 3 training seeds" in found
    copies = {"files": [f"findings/{name}.yaml" for name in COPIES]}
    assert "different runs: `a0` 1, `a1` 1" in only(compared(tmp_path / "b", copies, PLAIN_FILE, **once))
    two = compared(tmp_path / "c", {**LORA_FILE, "seeds": [17, 18]}, PLAIN_FILE, varies="method")
    assert "repeated often enough" in only(two)


@pytest.mark.parametrize(
    ("changed", "varies"),
    [
        (({}, {"order": [1, 0]}), "order"),
        (({**LORA_FILE, "seeds": [17, 18, 19]}, {}), "method"),
        (({**LORA_FILE, "seeds": [17, 18, 19]}, PLAIN_FILE), "method"),
    ],
)
def test_an_order_of_the_same_sets_and_a_prompt_against_three_seeds_are_fine(tmp_path, changed, varies):
    assert said(compared(tmp_path, *changed, varies=varies, best=varies == "method")) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seeds": [1, 2, 3]}, "trains nothing, so seeds change nothing"),
        ({"files": ["findings/a.yaml", "findings/a.yaml"]}, "`findings/a.yaml` stands twice"),
        ({**LORA_FILE, "seeds": [3, 3, 4]}, "the seed 3 stands twice"),
        ({**LORA_FILE, **SETS}, "is no prompt, so it takes no examples"),
        ({"files": ["baselines/good.yaml"], **SETS}, "has examples of its own"),
        ({"example_sets": {"count": 5, "per_label": 4}}, "train.jsonl has 3 rows of `sea`, and per_label asks for 4"),
        ({"id": "a1"}, "the arm `a1` stands twice"),
        ({"order": [2, 1, 0]}, "order names 3 positions, but a set has 2 examples: arrange 0 to 1"),
        (
            {"order": [1, 0], "example_sets": {"count": 5, "seed": 4}},
            "draw different example sets, but the claim varies order",
        ),
        ({"tuned_on": "hidden"}, "an arm that was tuned on hidden rows proves nothing: tune it anew on public rows"),
    ],
)
def test_an_arm_that_cannot_be_meant_is_told(tmp_path, change, words):
    varies = "order" if "order" in change else "examples"
    root = compared(tmp_path, change, {}, payloads={"a": {}}, arms=["a1", "a0"], varies=varies)
    assert any(words in line for line in said(root)), said(root)


def test_measures_that_a_challenge_does_not_have_are_told(tmp_path):
    texts = {"statement": "{sea-or-sky.few.valid} are valid.", "limits": "-"}
    root = written(tmp_path, **texts, claims=claim(arms=["few", "zero"], measure="decisions"))
    assert any("is not measured by `decisions`: use score" in line for line in said(root))
    assert any("is not measured by `valid`: use score for few" in line for line in said(root))


# --- texts and records --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["It scores 0.74.", "It gains .1 points.", "Right in 74 % of rows.", "In 74 per cent."]
)
def test_numbers_that_are_written_out_are_told(tmp_path, text):
    found = only(written(tmp_path, statement=text))
    assert found.startswith("findings.yaml:5: the statement writes out the number")
    assert "write a placeholder such as {challenge.arm.score} or {1.effect}" in found


def test_versions_models_and_counts_are_no_written_numbers(tmp_path):
    assert said(written(tmp_path, statement="Five examples, 240 rows, 3.11.2, a 1.7B model, GPT-3.5.")) == []


@pytest.mark.parametrize("name", ["input", "2.effect", "sea-or-sky.none.score", "sea-or-sky.few.speed", "1.p", ""])
def test_a_placeholder_for_nothing_is_told(tmp_path, name):
    found = only(written(tmp_path, limits=f"Up to {{{name}}}."))
    assert f"the limits has the placeholder {{{name}}}, which stands for nothing here" in found


@pytest.mark.parametrize("what", ["hidden row", "public row", "arm", "metric", "claim", "training row"])
def test_a_stale_record_is_told(tmp_path, what):
    root = record(written(tmp_path))
    challenge = root / "sea-or-sky"
    if what == "hidden row":
        factory.write_rows(challenge / "hidden.jsonl", factory.label_samples("x", 2, 5))
    elif what == "public row":
        factory.write_rows(challenge / "public.jsonl", factory.label_samples("x", 0, 2))
    elif what == "arm":
        payload(root, "plain", instructions="Look.")
    elif what == "metric":
        factory.write_yaml(challenge / "challenge.yaml", factory.prompt_spec(metric={"name": "accuracy"}))
    elif what == "training row":
        rows = [{"input": s["input"] + "!!", "output": s["target"]} for s in factory.label_samples("t", 5, 8)]
        factory.write_rows(challenge / "train.jsonl", rows)
    else:
        factory.write_findings(root, factory.finding(claims=claim(arms=["few", "zero"], at_least=0.05)))
    found = [str(p) for p in lint(root) if "findings" in p.file]
    assert len(found) == 1
    assert found[0].startswith("findings.yaml:3: the record of `examples-help` is stale")


def test_another_text_another_engine_or_another_hint_leave_a_record_fresh(tmp_path, monkeypatch):
    root = record(written(tmp_path))
    factory.write_findings(root, factory.finding(statement="Examples help by {1.effect}.", title="Other words"))
    factory.write_yaml(root / "sea-or-sky/challenge.yaml", factory.prompt_spec(hints=["a", "b", "c"], title="Other"))
    monkeypatch.setenv("GRADUS_TRAINING_DTYPE", "bfloat16")
    monkeypatch.setenv("GRADUS_ENGINE", "plain")
    assert lint(root) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"found": "unclear", "holds": False, "low": -0.1}, "claimed is higher, found was unclear"),
        ({"found": "unclear", "holds": False}, "a difference was found, but below at_least = 0.03"),
        ({"found": "lower", "holds": False, "low": -0.3, "high": -0.1}, "claimed is higher, found was lower"),
        ({"found": "lower"}, "claimed is higher, found was lower"),
    ],
)
def test_a_record_that_says_something_else_than_the_claim_is_told(tmp_path, changes, words):
    found = only(record(written(tmp_path), **changes))
    assert found.startswith("findings.yaml:21: the claim does not hold on `sea-or-sky`")
    assert words in found
    assert found.endswith("state what was found, or leave the claim out")


def test_a_record_of_a_finding_that_is_gone_is_told(tmp_path):
    root = record(written(tmp_path))
    factory.write_findings(root, factory.finding(id="renamed"))
    assert "there is no finding `examples-help` that this could be the record of" in only(root, "findings.json")


def test_a_record_by_hand_that_lacks_a_claim_is_told(tmp_path):
    root = record(written(tmp_path))
    data = json.loads((root / "findings.json").read_text())
    data["findings"]["examples-help"]["experiments"][0]["claims"] = []
    (root / "findings.json").write_text(json.dumps(data))
    assert "lacks arms or claims: run `gradus challenge prove` with --force" in only(root)


# --- controls -----------------------------------------------------------------------------------------------------

LORA = {"files": ["baselines/lora.yaml"], "seeds": [17, 18, 19]}
PLAIN = {**LORA, "control": "linear"}


def differ(root, *changed, varies="method", challenge="sea-or-sky"):
    made = [{"id": f"a{n}", "title": "An arm", **change} for n, change in enumerate(changed)]
    experiments = [{"challenge": challenge, "arms": made}]
    claims = claim(varies=varies, found="unclear")
    return factory.write_findings(root, factory.finding(**TEXTS, experiments=experiments, claims=claims))


def test_a_training_run_and_the_plain_baseline_differ_in_the_method_alone(tmp_path):
    root = factory.write_lesson(tmp_path)
    assert said(differ(root, LORA, PLAIN)) == []
    assert said(differ(root, LORA, {"control": "linear"})) == [], "the challenge's rows are those of the file"
    assert said(differ(root, {"files": ["findings/plain.yaml"], "example_sets": {"count": 5}}, PLAIN)) == []
    fewer = {"kind": "tune", "rows": [{"input": "a wave", "output": "sea"}, {"input": "a star", "output": "sky"}]}
    factory.write_yaml(root / "sea-or-sky/findings/fewer.yaml", fewer)
    other = {**PLAIN, "files": ["findings/fewer.yaml"]}
    assert "`a0` and `a1` differ in method and rows, but the claim varies method" in only(differ(root, LORA, other))
    assert said(differ(root, PLAIN, other, varies="rows")) == [], "a regression needs no repetition"
    assert "`a0` and `a1` do not differ in anything" in only(differ(root, PLAIN, PLAIN))
    once = {"files": ["baselines/lora.yaml"]}
    assert "no arm of the claim is repeated often enough" in only(differ(root, once, PLAIN))


def test_a_control_that_cannot_be_trained_is_told_with_the_reason(tmp_path):
    root = factory.write_lesson(tmp_path)
    assert any("`a1` has no preferences" in one for one in said(differ(root, LORA, {**LORA, "control": "sft"})))
    prompt = {"files": ["findings/plain.yaml"], "control": "linear"}
    assert any("`a1` needs training rows of at least two labels" in one for one in said(differ(root, LORA, prompt)))
    found = said(differ(root, LORA, PLAIN, challenge="ticket"))
    assert any("`a1` needs labels, and the answers here are none" in one for one in found)
    (root / "sea-or-sky/train.jsonl").unlink()
    factory.write_rows(root / "sea-or-sky/public.jsonl", [])
    found = said(differ(root, {"files": ["findings/plain.yaml"]}, {"control": "linear"}))
    assert any("shows no rows with labels that `a1` could be trained on" in one for one in found)


def test_a_regression_on_drawn_rows_is_repeated_over_the_sets(tmp_path):
    root = factory.write_lesson(tmp_path)
    three, two = ({"control": "linear", "example_sets": {"count": 5, "per_label": n}} for n in (2, 1))
    assert "differ in method and rows" in only(differ(root, LORA, two))
    assert said(differ(root, three, two, varies="rows")) == []
    many = {"control": "linear", "example_sets": {"count": 5, "per_label": 9}}
    assert (
        "train.jsonl has 3 rows of `sea`, and per_label asks for 9" in said(differ(root, many, two, varies="rows"))[0]
    )


def test_a_control_takes_files_or_sets_and_any_other_arm_needs_files(tmp_path):
    root = factory.write_lesson(tmp_path)
    assert any("an arm needs files" in one for one in said(differ(root, LORA, {"seeds": [17, 18, 19]})))
    sets = {"files": ["findings/plain.yaml"], "example_sets": {"count": 5}, "control": "linear"}
    refused = said(differ(root, LORA, sets))
    assert any("a control is trained on its files or on example_sets" in one for one in refused)
