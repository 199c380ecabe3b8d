from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from challenges.bundle import Baseline, ChallengeBundle
from challenges.kinds.prompt import PromptPayload
from challenges.kinds.tune import TunePayload
from challenges.payloads import Example
from challenges.reading import BundleErrors, read_challenge, read_course, read_lesson
from challenges.rows import Attack, GoldAnswer, Sample, TrainRow
from challenges.spec import BaselineRef, Challenge, dump
from tests.challenges import factory


def problems_of(reader, path):
    with pytest.raises(BundleErrors) as raised:
        reader(path)
    return raised.value.problems


def line_of(path, text):
    return next(n for n, line in enumerate(path.read_text().splitlines(), 1) if text in line)


def test_course_is_read_with_all_below_it_and_no_repr_shows_a_hidden_row(tmp_path):
    course = read_course(factory.write_course(tmp_path))
    lesson = course.lessons[0]
    assert (course.course.id, lesson.id, len(course.digest)) == ("tiny", "first", 64)
    assert [bundle.challenge.id for bundle in lesson.challenges] == ["sea-or-sky", "ticket", "explain"]
    prompt, _, free = lesson.challenges
    assert (len(prompt.public), len(prompt.hidden), len(prompt.train), len(prompt.baselines)) == (4, 6, 6, 3)
    assert (len(free.gold), len(free.attacks)) == (30, 2)
    assert prompt.baselines[2].payload.rows == prompt.train
    assert prompt.hidden[0].input not in repr(prompt)
    assert read_lesson(tmp_path / "first") == lesson


def test_all_problems_come_at_once_with_their_lines(tmp_path):
    root = factory.write_prompt_challenge(tmp_path)
    spec = root / "challenge.yaml"
    spec.write_text(
        spec.read_text().replace("pass: 0.6", "pas: 0.6").replace("- sea", "- 1") + "limits: {seconds: 1}\n"
    )
    (root / "hidden.jsonl").write_text('{"id": "a"}\n\n{')
    (root / "statement.md").unlink()
    (root / "solution.md").write_bytes(b"fine\n\xff")
    found = {(p.file, p.line) for p in problems_of(read_challenge, root)}
    assert found == {
        ("challenge.yaml", 1),
        ("challenge.yaml", line_of(spec, "pas:")),
        ("challenge.yaml", line_of(spec, "- 1")),
        ("challenge.yaml", line_of(spec, "seconds: 1")),
        ("hidden.jsonl", 1),
        ("hidden.jsonl", 3),
        ("statement.md", None),
        ("solution.md", 2),
    }


@pytest.mark.parametrize(
    ("count", "fix"), [(0, "gradus challenge new KIND NAME"), (1, ""), (12, ""), (13, "keep at most 12 entries")]
)
def test_a_lesson_has_one_to_twelve_challenges(tmp_path, count, fix):
    names = [f"c{number}" for number in range(count)]
    root = factory.write_lesson(tmp_path, challenges=names)
    for name in names:
        factory.write_prompt_challenge(root / name, id=name)
    if not fix:
        assert [bundle.challenge.id for bundle in read_lesson(root).challenges] == names
        return
    (problem,) = problems_of(read_lesson, root)
    assert problem.file == "lesson.yaml" and "`challenges`" in problem.what and fix in problem.fix


def test_digest_covers_what_decides_a_grade_and_nothing_else(tmp_path):
    root = factory.write_prompt_challenge(tmp_path)
    first = read_challenge(root)
    factory.write_text(root / "statement.md", "Said differently.\n")
    assert read_challenge(root).digest == first.digest
    for name, row in (
        ("hidden.jsonl", {"id": "new", "input": "a new thing", "target": "sea"}),
        ("train.jsonl", {"input": "a new thing", "output": "sea"}),
    ):
        before = read_challenge(root).digest
        with (root / name).open("a") as file:
            file.write(json.dumps(row) + "\n")
        assert read_challenge(root).digest != before
    before = read_challenge(root).digest
    factory.write_yaml(root / "baselines/weak.yaml", {"kind": "prompt", "instructions": "Else."})
    assert read_challenge(root).digest != before


def test_course_digest_covers_the_statement_and_the_demo(tmp_path):
    root = factory.write_course(tmp_path)
    first = read_course(root).digest
    assert read_course(root).digest == first
    factory.write_text(root / "first/ticket/statement.md", "Said differently.\n")
    assert read_course(root).digest != first


def test_demo_files_and_measured_figures_come_along(tmp_path):
    root = factory.write_lesson(tmp_path, demo=DEMO)
    factory.write_yaml(root / "demo/zero.yaml", {"kind": "prompt"})
    factory.write_text(root / "demo/adapter/adapter_config.json", "{}")
    factory.write_text(root / "measured.json", '{"figures": {"f": 1}}')
    lesson = read_lesson(root)
    assert set(lesson.files) == {"demo/zero.yaml", "demo/adapter/adapter_config.json"}
    assert lesson.measured == {"figures": {"f": 1}}


DEMO = {
    "title": "Demo",
    "challenge": "sea-or-sky",
    "explanation": "Why.",
    "chips": ["a wave"],
    "zero_shot": "demo/zero.yaml",
    "few_shot": "demo/few.yaml",
    "adapter": "demo/adapter",
}


def test_from_json_refuses_a_changed_content(tmp_path):
    bundle = read_challenge(factory.write_prompt_challenge(tmp_path))
    data = json.loads(bundle.to_json())
    data["hidden"][0]["target"] = "sky" if data["hidden"][0]["target"] == "sea" else "sea"
    with pytest.raises(ValueError, match="digest"):
        ChallengeBundle.from_json(json.dumps(data))


words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=20)
samples = st.builds(Sample, id=words, input=words, target=words | st.dictionaries(words, words, max_size=2))
examples = st.builds(Example, input=words, output=words)
train_rows = st.builds(TrainRow, input=words, output=words)
payloads = st.builds(PromptPayload, instructions=words, examples=st.lists(examples, max_size=2).map(tuple)) | st.builds(
    TunePayload, rows=st.lists(train_rows, min_size=1, max_size=2).map(tuple)
)
refs = st.builds(BaselineRef, file=st.just("baselines/a.yaml"), min=st.floats(0, 1), max=st.none())


def many(rows):
    return st.lists(rows, max_size=3).map(tuple)


bundles = st.builds(
    ChallengeBundle,
    challenge=st.builds(lambda title: Challenge.model_validate(factory.prompt_spec(title=title)), words),
    statement=words,
    solution=words,
    public=many(samples),
    hidden=many(samples),
    train=many(train_rows),
    gold=many(
        st.builds(
            GoldAnswer, answer=words, marks=st.dictionaries(words, st.just("met"), max_size=2), role=st.just("test")
        )
    ),
    attacks=many(st.builds(Attack, answer=words, category=words, max_score=st.floats(0, 1))),
    baselines=many(st.builds(Baseline, refs, payloads)),
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=50)
@given(bundles)
def test_json_round_trip(bundle):
    again = ChallengeBundle.from_json(bundle.to_json())
    assert again == bundle
    assert again.to_json() == bundle.to_json()


def test_keys_and_files_that_came_later_leave_other_digests_alone(tmp_path):
    """What was published before they existed keeps its digest, and so its baselines and its submissions."""
    root = factory.write_free_text_challenge(tmp_path / "explain")
    before = read_challenge(root)
    assert dump(before.challenge)["gate"] == {"agreement": 0.9, "attack_success": 0.02}
    assert "benign" not in json.loads(before.to_json())
    marks = factory.gold_row(0, "")["marks"]
    factory.write_rows(root / "benign.jsonl", [{"answer": "Stale, so look up.", "marks": marks, "category": "short"}])
    after = read_challenge(root)
    assert after.digest != before.digest
    assert ChallengeBundle.from_json(after.to_json()) == after
