"""What lint asks of a free-text challenge: rubric, gold answers, attacks."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Mapping, Sequence

from challenges import marks
from challenges.bundle import ChallengeBundle
from challenges.files.key_errors import A_KEY
from challenges.files.source import Source
from challenges.kinds import registry as kinds
from challenges.kinds.rubric import GATE_ANSWERS, FreeText, free_text
from challenges.lint.subject import Subject
from challenges.problems import Problem
from challenges.reading import GatheredCourse
from challenges.rows import Attack, Benign, GoldAnswer
from challenges.texts import normal, several

TOTALS = (10, 100)
# As many answers have to be marked before a question can be published: the examples that every grader compares with.
EXAMPLES = 5
BANDS = ((0.0, 1 / 3, "low"), (1 / 3, 2 / 3, "middle"), (2 / 3, 1.01, "high"))


def lint_free_text(subject: Subject) -> None:
    """Criteria, marks, counts of gold answers by role and by score, attacks and benign look-alikes.

    With fewer than `GATE_ANSWERS` answers for calibration a question is in pilot mode: people review every answer, so
    what only a judge's gate needs is advice.
    """
    _criteria(subject)
    _marks(subject, "gold.jsonl", subject.bundle.gold)
    _marks(subject, "benign.jsonl", subject.bundle.benign)
    if "gold.jsonl" not in subject.unread:
        _counts(subject)
        _spread(subject)
    _repeats(subject)
    _quoted(subject)
    if not subject.bundle.attacks and "attacks.jsonl" not in subject.unread:
        fix = "add answers that must not score, such as notes to the grader"
        _for_the_gate(subject, "attacks.jsonl", "there are no attacks", fix)


def _is_pilot(subject: Subject) -> bool:
    return sum(row.role == "calibration" for row in subject.bundle.gold) < GATE_ANSWERS


def _for_the_gate(subject: Subject, file: str, what: str, fix: str) -> None:
    """A problem of a question whose judge can be measured; advice for a question in pilot mode."""
    found = Problem(subject.at(file), None, what, fix)
    (subject.source.advice if _is_pilot(subject) else subject.source.problems).append(found)


def _criteria(subject: Subject) -> None:
    least, most = free_text(subject.challenge).words
    if not 0 < least < most:
        subject.spec("words is no interval", "give [fewest, most]", "words")
    seen: set[str] = set()
    for index, criterion in enumerate(free_text(subject.challenge).rubric):
        if criterion.id in seen:
            subject.spec(f"the criterion `{criterion.id}` stands twice", "rename one", "rubric", index, "id")
        seen.add(criterion.id)
    if (total := sum(criterion.points for criterion in free_text(subject.challenge).rubric)) not in TOTALS:
        what = f"the points of all criteria add up to {total}"
        subject.spec(what, "let them add up to 100, or to 10 for a short question", "rubric")


def _marks(subject: Subject, file: str, rows: Sequence[GoldAnswer | Benign]) -> None:
    rubric = {criterion.id: criterion for criterion in free_text(subject.challenge).rubric}
    for index, row in enumerate(rows):
        for name in row.marks.keys() - rubric.keys():
            what = f"marks `{name}`, which is no criterion" if A_KEY.fullmatch(name) else "marks what is no criterion"
            subject.row(file, index, what, f"use the rubric's ids: {', '.join(rubric)}")
        for name in rubric.keys() - row.marks.keys():
            subject.row(file, index, f"does not mark `{name}`", "mark every criterion: met, partial or not_met")
        for name, mark in row.marks.items():
            if name in rubric and mark not in marks.allowed(rubric[name]):
                subject.row(file, index, f"`{name}` has no partial credit", "mark it met or not_met")


def _counts(subject: Subject) -> None:
    roles = Counter[str](row.role for row in subject.bundle.gold)
    if roles["prompt"] < EXAMPLES:
        what = f"{roles['prompt']} answers have the role prompt, {EXAMPLES} are needed"
        subject.source.add(subject.at("gold.jsonl"), None, what, f"write {EXAMPLES - roles['prompt']} more")
    if _is_pilot(subject):
        what = f"pilot mode: {roles['calibration']} answers have the role calibration, and a judge's gate needs "
        fix = f"people review every answer until {GATE_ANSWERS - roles['calibration']} more are marked"
        _for_the_gate(subject, "gold.jsonl", f"{what}{GATE_ANSWERS}", fix)


def _spread(subject: Subject) -> None:
    """The scores of calibration answers, and a wrong claim where the rubric has a criterion about one."""
    file, gold, rubric = "gold.jsonl", subject.bundle.gold, free_text(subject.challenge).rubric
    scores = [marks.score(rubric, row.marks) for row in gold if row.role == "calibration"]
    for low, high, band in BANDS:
        if scores and not any(low <= score < high for score in scores):
            what = f"no calibration answer scores in the {band} third"
            _for_the_gate(subject, file, what, "spread the answers over the scores")
    claims = [criterion.id for criterion in rubric if criterion.kind == "must_not_claim"]
    if claims and not any(row.marks.get(name) == "not_met" for row in gold for name in claims):
        what = "no answer makes a wrong claim"
        _for_the_gate(subject, file, what, "add one with good words and a wrong claim")


def _quoted(subject: Subject) -> None:
    """Every answer quotes as many rows as learners have to, so that graders are measured on what learners hand in."""
    asked = free_text(subject.challenge).own_run
    wanted = asked.rows if asked else 0
    bundle = subject.bundle
    files: dict[str, Sequence[GoldAnswer | Benign | Attack]] = {
        "gold.jsonl": bundle.gold,
        "benign.jsonl": bundle.benign,
        "attacks.jsonl": bundle.attacks,
    }
    for file, answers in files.items():
        for index, answer in enumerate(answers):
            count = len({row.id for row in answer.quoted})
            if count != wanted or count != len(answer.quoted):
                what = f"quotes {several(count, 'row')} of a run, and `own_run` asks for {wanted}"
                fix = (
                    "give different rows in `quoted`, each with id, input, answer and mark"
                    if asked
                    else "leave them out"
                )
                subject.row(file, index, what, fix)


def lint_own_runs(source: Source, course: GatheredCourse) -> None:
    """Whether `own_run` names a challenge of the course whose runs answer public rows."""
    listed = {name: bundle for lesson in course.lessons for name, bundle in lesson.challenges}
    for lesson in course.lessons:
        for name, bundle in lesson.challenges:
            keys = bundle.challenge.keys_of("free_text") if bundle else None
            asked = keys.own_run if isinstance(keys, FreeText) else None
            if asked is None or _answers_rows(listed, asked.challenge):
                continue
            file = posixpath.join(lesson.rel, name, "challenge.yaml")
            located = source.yaml(file)
            what = f"`own_run` names `{asked.challenge}`, which is no challenge of this course with public rows"
            line = located.line("own_run", "challenge") if located else None
            source.add(file, line, what, "name one whose runs answer public rows")


def _answers_rows(listed: Mapping[str, ChallengeBundle | None], name: str) -> bool:
    """Returns True too for a challenge that cannot be read, which has problems of its own."""
    bundle = listed.get(name)
    return name in listed and (bundle is None or kinds.find(bundle.challenge.kind).has_samples)


def _repeats(subject: Subject) -> None:
    """No answer stands twice, in one file or in several: an answer has one role, and is honest or an attack."""
    bundle, seen = subject.bundle, dict[str, str]()
    files = {
        "gold.jsonl": [row.answer for row in bundle.gold],
        "benign.jsonl": [row.answer for row in bundle.benign],
        "attacks.jsonl": [row.answer for row in bundle.attacks],
    }
    for file, answers in files.items():
        for index, answer in enumerate(answers):
            here = f"line {subject.line(file, index)}"
            first = seen.setdefault(normal(answer) or answer, f"{here} of {file}")
            if first != f"{here} of {file}":
                what = first.removesuffix(f" of {file}")
                subject.row(file, index, f"a duplicate of {what}", "remove one; roles are disjoint")
