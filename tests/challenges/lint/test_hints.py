"""A hint is measured by a finding, or lint says so."""

from __future__ import annotations

import json

import pytest

from challenges.findings.digest import finding_digest
from challenges.findings.spec import Finding, Findings
from challenges.lint.run import lint
from challenges.reading import read_lesson
from challenges.spec import dump
from tests.challenges import factory

SEA = tuple(f"sea-or-sky.{number}" for number in (1, 2, 3))
TICKET = tuple(f"ticket.{number}" for number in (1, 2, 3))


def ticket_finding(**changes):
    """A finding about `ticket` that is on no page."""
    arms = [
        {"id": "all", "title": "All rows", "files": ["baselines/lora.yaml"], "seeds": [17, 18, 19]},
        {"id": "weak", "title": "A prompt", "files": ["baselines/weak.yaml"]},
    ]
    made = {
        "id": "train",
        "title": "Training",
        "shown": False,
        "hints": list(TICKET),
        "experiments": [{"challenge": "ticket", "arms": arms}],
        "claims": [{"arms": ["all", "weak"], "varies": "method", "found": "higher"}],
    }
    return {**made, **changes}


def written(tmp_path, *, public=(0.7, 0.5), sea=None, **changes):
    """A lesson whose six hints are measured, with records as `prove` would write them."""
    first = factory.finding(**{"hints": list(SEA), **(sea or {})})
    root = factory.write_findings(factory.write_lesson(tmp_path), first, ticket_finding(**changes))
    factory.write_yaml(root / "sea-or-sky/challenge.yaml", factory.prompt_spec())
    bundle = read_lesson(root)
    bundles = {one.challenge.id: one for one in bundle.challenges}
    records = {one.id: record(one, finding_digest(one, bundles, bundle.arms), public) for one in bundle.findings}
    (root / "findings.json").write_text(json.dumps({"schema": 1, "findings": records}))
    return root


def record(finding: Finding, digest, public):
    numbers = {"effect": 0.2, "low": 0.1, "high": 0.3, "p": 0.01, "found": "higher", "holds": True}
    experiments = []
    for experiment in finding.experiments:
        arms = [
            {"id": arm.id, "runs": [{"name": "one", "values": {"score": 0.5}, "public": shown}], "mean": {"score": 0.5}}
            for arm, shown in zip(experiment.arms, ({"score": one} if one else {} for one in public), strict=True)
        ]
        claims = [{**numbers, "found": claim.found} for claim in finding.claims]
        experiments.append({"challenge": experiment.challenge, "rows": 6, "arms": arms, "claims": claims})
    return {"digest": digest, "machine": "a machine", "day": "2026-11-27", "experiments": experiments}


def only(root):
    found = [str(problem) for problem in lint(root)]
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize("hints", [[], [SEA[0]], [SEA[0], SEA[2]], list(SEA)])
def test_a_finding_about_all_or_some_hints_leaves_nothing_to_say(tmp_path, hints):
    assert lint(written(tmp_path, sea={"hints": hints})) == []


def test_hints_about_a_learner_s_own_choices_cannot_be_measured(tmp_path):
    root = written(tmp_path)
    factory.write_preference_challenge(root / "ticket", own_choices={"least": 40, "held_out": 0.25, "content": 0.5})
    factory.write_findings(root, factory.finding(hints=list(SEA)), ticket_finding())
    said = [problem.what for problem in lint(root) if problem.file == "findings.yaml"]
    assert "findings cannot compare scores of `ticket`" in said


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "ticket.1",
            "the finding measures nothing on `ticket`, so it cannot measure its hint: name a hint of sea-or-sky",
        ),
        ("sea-or-sky.4", "`sea-or-sky` has no hint 4: name one from 1 to 3"),
        ("gone.1", "the finding measures nothing on `gone`"),
        ("sea-or-sky", "`findings.0.hints.0` is malformed: name a challenge and one of its hints: `my-challenge.1`"),
        ("sea-or-sky.0", "`findings.0.hints.0` is malformed: name a challenge"),
    ],
)
def test_a_name_that_is_no_hint_of_the_experiment_is_told(tmp_path, name, words):
    root = factory.write_findings(factory.write_lesson(tmp_path), factory.finding(hints=[name]))
    assert any(words in str(problem) for problem in lint(root)), [str(problem) for problem in lint(root)]


def test_a_first_claim_that_compares_nothing_is_told(tmp_path):
    claims = [{"arms": ["few", "zero"], "varies": "examples", "found": "unclear"}]
    found = only(written(tmp_path, sea={"claims": claims}))
    assert "no claim is higher, so the finding does not show that its hints help" in found


def test_a_hint_that_does_not_help_on_public_rows_is_told(tmp_path):
    found = [str(problem) for problem in lint(written(tmp_path, public=(0.5, 0.5)))]
    assert len(found) == 6
    assert "on public rows, where learners try the hint, `few` has 0.500 and `zero` has 0.500" in found[0]
    missing = [str(problem) for problem in lint(written(tmp_path / "b", public=(0.5, None)))]
    assert len(missing) == 6 and "the record lacks scores on public rows" in missing[0]


def test_the_page_shows_at_most_five_findings_and_measures_more(tmp_path):
    many = [factory.finding(id=f"f{number}") for number in range(6)]
    root = factory.write_findings(factory.write_lesson(tmp_path / "a"), *many)
    assert any("6 findings are shown, and a lesson's page shows at most 5" in str(problem) for problem in lint(root))
    unseen = [ticket_finding(id=f"g{number}") for number in range(20)]
    assert len(Findings.model_validate({"findings": [*many[:5], *unseen]}).findings) == 25


def test_a_finding_that_is_shown_says_something(tmp_path):
    root = factory.write_findings(factory.write_lesson(tmp_path), ticket_finding(shown=True))
    assert any("a finding that is shown needs statement and limits" in str(problem) for problem in lint(root))


def test_a_text_cannot_show_a_finding_that_only_measures_a_hint(tmp_path):
    root = written(tmp_path)
    factory.write_text(root / "lesson.md", "# First\n\n<!-- finding: train -->\n")
    assert only(root).startswith("lesson.md:3: the finding `train` is `shown: false`: remove the mark")


def test_the_new_keys_change_no_digest_and_no_dump_while_they_are_not_used(tmp_path):
    plain = read_lesson(factory.write_findings(factory.write_lesson(tmp_path / "a")))
    hints = read_lesson(factory.write_findings(factory.write_lesson(tmp_path / "b"), factory.finding(hints=list(SEA))))
    digests = []
    for lesson in (plain, hints):
        bundles = {one.challenge.id: one for one in lesson.challenges}
        digests.append(finding_digest(lesson.findings[0], bundles, lesson.arms))
    assert digests[0] == digests[1]
    assert not {"hints", "shown"} & dump(plain.findings[0]).keys()
    assert dump(hints.findings[0])["hints"] == list(SEA)
