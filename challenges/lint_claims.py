"""What lint asks of a finding's claims: arms that differ in one thing, and enough repetitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, product

from challenges.findings import Arm, Claim, Experiment
from challenges.findings_runs import Repetition, measures
from challenges.lint_finding_subject import FindingSubject
from challenges.payloads import LoraPayload, PromptPayload, sha256
from challenges.spec import Prompt

SEEDS_MIN, REPETITIONS_MIN = 3, 5


def lint_claims(subject: FindingSubject) -> None:
    """Each claim in each experiment of the finding."""
    for n, claim in enumerate(subject.finding.claims):
        if len(set(claim.arms)) < len(claim.arms):
            subject.add("a claim compares an arm with itself", "name different arms", "claims", n, "arms")
            continue
        for experiment in subject.finding.experiments:
            _claim(subject, n, claim, experiment)


def _claim(subject: FindingSubject, n: int, claim: Claim, experiment: Experiment) -> None:
    arms = {arm.id: arm for arm in experiment.arms}
    unknown = [name for name in claim.arms if name not in arms]
    for name in unknown:
        what = f"the experiment on `{experiment.challenge}` has no arm `{name}`"
        mend = f"name one of {', '.join(arms)} (each claim is tested in each experiment)"
        subject.add(what, mend, "claims", n, "arms", claim.arms.index(name))
    runs = {name: subject.runs.get((experiment.challenge, name), ()) for name in claim.arms}
    if unknown or not all(runs.values()):
        return
    challenge = subject.bundles[experiment.challenge].challenge
    if claim.measure not in measures(challenge):
        what = f"`{experiment.challenge}` is not measured by `{claim.measure}`"
        subject.add(what, f"use {' or '.join(measures(challenge))}", "claims", n, "measure")
    for first, second in combinations(claim.arms, 2):
        _pair(subject, n, claim, (arms[first], runs[first]), (arms[second], runs[second]), challenge.prompt)
    _repetitions(subject, n, claim, runs)


ArmRuns = tuple[Arm, Sequence[Repetition]]


def _pair(subject: FindingSubject, n: int, claim: Claim, first: ArmRuns, second: ArmRuns, prompt: Prompt) -> None:
    names = f"`{first[0].id}` and `{second[0].id}`"
    varies = claim.varies
    differ = differences(first[1], second[1], prompt)
    one, other = first[0].example_sets, second[0].example_sets
    if one is not None and other is not None and one != other and varies not in ("examples", "method"):
        mend = "give both the same count, per_label and seed"
        subject.add(f"{names} draw different example sets, but the claim varies {varies}", mend, "claims", n, "arms")
        differ.discard("examples")
    if not differ:
        what, mend = f"{names} do not differ in anything", f"let them differ in {varies}"
    elif differ != {varies}:
        what = f"{names} differ in {_listed(differ)}, but the claim varies {varies}"
        same = differ - {varies}
        mend = f"let them differ in {varies} only"
        mend += f" (give both the same {_listed(same)})" if varies in differ else ", or name in `varies` what differs"
    else:
        return
    subject.add(what, mend, "claims", n, "arms")


def _listed(names: set[str]) -> str:
    return " and ".join(sorted(names))


def differences(first: Sequence[Repetition], second: Sequence[Repetition], prompt: Prompt) -> set[str]:
    """In what the runs of two arms differ, in the words of `varies`.

    Runs are compared one by one where both arms have equally many, else each with each. Seeds are repetitions and no
    difference.
    """
    pairs = zip(first, second, strict=True) if len(first) == len(second) else product(first, second)
    return {name for one, other in pairs for name in _different(one, other, prompt)}


def _different(one: Repetition, other: Repetition, prompt: Prompt) -> set[str]:
    a, b = one.payload, other.payload
    if isinstance(a, PromptPayload) and isinstance(b, PromptPayload):
        return _unequal(_prompt_parts(a, prompt), _prompt_parts(b, prompt)) | _examples(a, b)
    if isinstance(a, LoraPayload) and isinstance(b, LoraPayload):
        return _unequal(_training_parts(a), _training_parts(b))
    return {"method"}


def _unequal(a: dict[str, object], b: dict[str, object]) -> set[str]:
    return {name for name in a if a[name] != b[name]}


def _prompt_parts(payload: PromptPayload, prompt: Prompt) -> dict[str, object]:
    """What the model is given in the end: a default that is written out is no difference."""
    words = {label: word for label, word in payload.label_words.items() if word != label}
    template = prompt.example if payload.example is None else payload.example
    return {"instructions": payload.instructions.strip(), "example": template, "label_words": words}


def _examples(a: PromptPayload, b: PromptPayload) -> set[str]:
    if a.examples == b.examples:
        return set()
    same = sorted(map(repr, a.examples)) == sorted(map(repr, b.examples))
    return {"order"} if same else {"examples"}


def _training_parts(payload: LoraPayload) -> dict[str, object]:
    parts = {"instructions": payload.instructions.strip(), "hyperparameters": payload.hyperparameters}
    return {**parts, "rows": payload.rows}


def _repetitions(subject: FindingSubject, n: int, claim: Claim, runs: Mapping[str, Sequence[Repetition]]) -> None:
    counts = {name: _count(found) for name, found in runs.items()}
    if not any(counts[name] >= _needed(found) for name, found in runs.items()):
        had = ", ".join(f"`{name}` {count}" for name, count in counts.items())
        what = f"no arm of the claim is repeated often enough to tell an effect from chance (different runs: {had})"
        mend = f"repeat one over {REPETITIONS_MIN} example sets or files, or {SEEDS_MIN} training seeds"
        subject.add(what, mend, "claims", n, "arms")
    if claim.found == "spread" and len({tuple(run.key for run in found) for found in runs.values()}) > 1:
        mend = "give all of them the same example_sets or seeds"
        subject.add("the arms of a spread have different repetitions", mend, "claims", n, "arms")


def _count(runs: Sequence[Repetition]) -> int:
    """Runs that are not the same run twice."""
    return len({(sha256(run.payload), _seed(run)) for run in runs})


def _needed(runs: Sequence[Repetition]) -> int:
    return SEEDS_MIN if len({_seed(run) for run in runs}) > 1 else REPETITIONS_MIN


def _seed(run: Repetition) -> int:
    lora = run.bundle.challenge.lora
    return lora.fixed.seed if lora is not None and isinstance(run.payload, LoraPayload) else 0
