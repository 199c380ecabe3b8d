"""What lint asks of a challenge with training runs: what may be chosen, the training rows, candidates for choices."""

from __future__ import annotations

from challenges import field_checks
from challenges.characters import unwanted
from challenges.field_checks import ROW_BYTES
from challenges.kinds.own_choices import LUCK_MAX, Candidate, Candidates, OwnChoices
from challenges.kinds.tune_keys import candidates, tune
from challenges.lint.subject import Subject
from challenges.models.catalogue import MODELS
from challenges.models.token_counts import row_tokens
from challenges.models.tokens import counter
from challenges.prompts import problem_with
from challenges.rows import TrainRow
from challenges.spec import FreeForm
from challenges.texts import normal
from challenges.training_methods import INTERVALS, LORA


def lint_tune(subject: Subject) -> None:
    """Intervals of settings, lengths and shapes of training rows, and candidates with their answers."""
    _knobs(subject)
    _row_lengths(subject)
    _row_shapes(subject)
    _candidates(subject)


def _knobs(subject: Subject) -> None:
    section = tune(subject.challenge)
    for method in section.methods:
        own = () if method == LORA or getattr(section.knobs, method) is None else (method,)
        for name, allowed in section.knobs.of(method).items():
            if (name in INTERVALS and not (allowed[0] > 0 or name == "rpo_alpha")) or list(allowed) != sorted(allowed):
                what = "give [lowest, highest], both above 0"
                subject.spec(f"{name} is no interval", what, "tune", "knobs", *own, name)


def _row_lengths(subject: Subject) -> None:
    count = counter(subject.challenge.model)
    if count is None or problem_with(subject.challenge.prompt.example) is not None:
        return
    instructions, most = subject.challenge.prompt.instructions, tune(subject.challenge).row_tokens_max
    for index, used in enumerate(row_tokens(subject.challenge, count, instructions, subject.bundle.train)):
        if used > most:
            subject.row("train.jsonl", index, f"has {used} tokens; row_tokens_max is {most}", "shorten it")


def _row_shapes(subject: Subject) -> None:
    preferences = tune(subject.challenge).rows == "preferences"
    for problem in field_checks.training_rows(subject.challenge, subject.bundle.train, preferences=preferences):
        if problem.code in ("row_shape", "equal_sides") and problem.line:
            subject.row("train.jsonl", problem.line - 1, problem.message, "correct the row")


def _candidates(subject: Subject) -> None:
    """Texts and lengths of the candidates, and whether luck alone passes."""
    section, listed = tune(subject.challenge), candidates(subject.challenge)
    if listed and section.rows != "preferences":
        subject.spec("choices between answers are preferences", "write `rows: preferences`", "tune", "rows")
    _twice(subject, listed)
    for candidate in listed:
        _texts(subject, candidate)
    _candidate_lengths(subject, listed, section.row_tokens_max)
    if section.own_choices is not None:
        _own(subject, section.own_choices, len(listed))


def _twice(subject: Subject, listed: Candidates) -> None:
    ids, prompts = set[str](), dict[str, str]()
    hidden = {normal(sample.input) for sample in subject.bundle.hidden}
    for one in listed:
        if one.id in ids:
            _say(subject, one, "has an id that another has too", "give each one an id of its own")
        ids.add(one.id)
        if (first := prompts.setdefault(normal(one.prompt), one.id)) != one.id:
            _say(subject, one, f"has the prompt of `{first}`", "write another prompt, or join their answers")
        if normal(one.prompt) in hidden:
            _say(subject, one, "has the input of a hidden row", "write another prompt")


def _texts(subject: Subject, one: Candidate) -> None:
    if len(set(map(normal, one.answers))) < len(one.answers):
        _say(subject, one, "has the same answer twice", "change one of them, or remove it")
    texts = (one.prompt, *one.answers)
    if not all(text.strip() for text in texts):
        _say(subject, one, "has an empty text", "fill it in")
    if sum(len(text.encode(errors="replace")) for text in texts) > ROW_BYTES:
        _say(subject, one, "has more than 8 KiB", "shorten it")
    if (character := unwanted("\n".join(texts), unseen=True)) is not None:
        _say(subject, one, f"holds the unseen character {character}", "remove it")
    model = MODELS.get(subject.challenge.model or "")
    if model and any(token in text for token in model.special_tokens for text in texts):
        _say(subject, one, "holds a control token of the model", "remove it")


def _candidate_lengths(subject: Subject, listed: Candidates, most: int) -> None:
    count, prompt = counter(subject.challenge.model), subject.challenge.prompt
    if count is None or problem_with(prompt.example) is not None:
        return
    for one in listed:
        rows = [TrainRow(input=one.prompt, output=answer) for answer in one.answers]
        used = max(row_tokens(subject.challenge, count, prompt.instructions, rows))
        if used > most:
            _say(subject, one, f"has {used} tokens with its longest answer; row_tokens_max is {most}", "shorten it")


def _own(subject: Subject, section: OwnChoices, there: int) -> None:
    challenge = subject.challenge
    place = ("tune", "own_choices")
    if there < section.least:
        what = f"there are {there} candidates, and a submission needs {section.least} choices"
        subject.spec(what, "name a file of `candidates`, add some, or lower `least`", *place)
    if challenge.kind != "tune" or challenge.also:
        subject.spec("only a trained model can be asked about own choices", "set kind to tune, without `also`", *place)
    if not isinstance(challenge.answer, FreeForm):
        subject.spec("choices are between texts", "set answer.type to text", "answer", "type")
    if (luck := section.luck(challenge.pass_)) > LUCK_MAX:
        what = f"somebody who chooses at random passes with a probability of {luck:.1%}"
        subject.spec(what, f"raise `least`, `held_out` or `pass`, until it is {LUCK_MAX:.0%} at most", *place)


def _say(subject: Subject, one: Candidate, what: str, fix: str) -> None:
    subject.spec(f"the candidate `{one.id}` {what}", fix, "candidates")
