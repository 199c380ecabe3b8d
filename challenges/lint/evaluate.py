"""What lint asks of a challenge about test sets: its systems, their prompts, and the rule."""

from __future__ import annotations

from collections import Counter

from challenges.kinds.evaluate_keys import KEY, System, Systems, counts, evaluate, systems_path
from challenges.lint.rows import lint_rows
from challenges.lint.subject import Subject
from challenges.prompts import problem_with
from challenges.spec import Label

METRIC = "adjusted_balanced_accuracy"
# With fewer systems chance decides, and a learner who fails one by chance loses much.
EACH_MIN, ALL_MIN = 2, 10


def lint_evaluate(subject: Subject) -> None:
    """The answer, the metric, the rule, each system with its prompt, and the public rows."""
    lint_rows(subject)
    answer = subject.challenge.answer
    if not isinstance(answer, Label) or answer.decode != "score":
        subject.spec("systems give labels by their likelihood", "set answer.type to label", "answer", "type")
    if subject.challenge.metric.name != METRIC:
        what = "only a metric that is 0 by chance gives nothing to a test set which fails, or passes, every system"
        subject.spec(what, f"write `metric: {{name: {METRIC}}}`", "metric")
    if subject.challenge.feedback.mode == "ladder":
        what = "the number of exposed defects is shown with each attempt, so a ladder would hide nothing"
        subject.spec(what, "set feedback.mode to rounded", "feedback", "mode")
    keys = evaluate(subject.challenge)
    if keys.evaluate.rows[0] > keys.evaluate.rows[1]:
        subject.spec("rows is no interval", "write the lowest number first: `[12, 24]`", "evaluate", "rows")
    if keys.systems.systems:
        _counts(subject, keys.systems)
    elif not subject.source.problems:
        subject.spec("there are no systems", "name a file of systems: `systems: systems.yaml`", KEY)
    _prompts(subject, keys.systems)
    seen = Counter(system.id for system in keys.systems.systems)
    for index, system in enumerate(keys.systems.systems):
        if seen[system.id] > 1:
            _add(
                subject, f"two systems have the id `{system.id}`", "give each an id of its own", "systems", index, "id"
            )
        _system(subject, keys.systems, index, system)


def _counts(subject: Subject, systems: Systems) -> None:
    with_defect, healthy = counts(systems.of(practice=False))
    for count, what in ((with_defect, "with a defect"), (healthy, "that are healthy")):
        if count < EACH_MIN:
            subject.spec(f"{count} systems {what} are too few", f"add some: {EACH_MIN} or more", KEY)
    if min(with_defect, healthy) >= EACH_MIN and with_defect + healthy < ALL_MIN:
        what = f"{with_defect + healthy} systems are few, so that one of them moves the score by much"
        subject.advise(what, f"give {ALL_MIN} or more", KEY)
    practice = counts(systems.of(practice=True))
    if not all(practice):
        what = "learners cannot try their rows on a healthy and a defective practice system"
        subject.advise(what, "mark at least one of each with `practice: true`", KEY)


def _prompts(subject: Subject, systems: Systems) -> None:
    answer = subject.challenge.answer
    labels = answer.labels if isinstance(answer, Label) else ()
    used = {system.prompt for system in systems.systems}
    for name, prompt in systems.prompts.items():
        if name not in used:
            _add(subject, f"no system uses the prompt `{name}`", "remove it, or name it in a system", "prompts", name)
        if prompt.example is not None and (wrong := problem_with(prompt.example)) is not None:
            _add(subject, wrong, "correct the row template", "prompts", name, "example")
        for label in prompt.label_words:
            if label not in labels:
                what = f"the prompt has a word for `{label}`, which is no label"
                _add(subject, what, "correct it", "prompts", name, "label_words")
        for index, example in enumerate(prompt.examples):
            if labels and example.output not in labels:
                what = "the output of an example is no label"
                _add(subject, what, f"write one of {', '.join(labels)}", "prompts", name, "examples", index)


def _system(subject: Subject, systems: Systems, index: int, system: System) -> None:
    answer, place = subject.challenge.answer, ("systems", index)
    if system.prompt not in systems.prompts:
        known = ", ".join(systems.prompts) or "none"
        _add(subject, f"there is no prompt `{system.prompt}`", f"use one of {known}", *place, "prompt")
    is_changed = system.reads != type(system.reads)() or system.exchanges is not None or bool(system.always)
    if system.is_healthy and is_changed:
        what = "a system without a defect reads or answers otherwise than its prompt"
        _add(subject, what, "say in `defect` what is wrong with it, or remove the change", *place)
    named = [*(system.exchanges or ()), *(rule.label for rule in system.always)]
    if isinstance(answer, Label) and (wrong := [label for label in named if label not in answer.labels]):
        _add(subject, f"`{wrong[0]}` is no label", f"use one of {', '.join(answer.labels)}", *place)


def _add(subject: Subject, what: str, fix: str, *path: str | int) -> None:
    """A problem with a key of the file of systems, or of the section `systems` in `challenge.yaml`."""
    file = systems_path(subject.located.data, subject.rel) if subject.located else None
    if file is None:
        subject.spec(what, fix, KEY, *path)
        return
    located = subject.source.yaml(file)
    subject.source.add(file, located.line(*path) if located else None, what, fix)
