"""What lint asks of candidates, between whose answers learners choose, and of a score by their own choices."""

from __future__ import annotations

from challenges.candidates import Candidate, Candidates
from challenges.characters import unwanted
from challenges.field_checks import ROW_BYTES
from challenges.lint.subject import Subject
from challenges.models.catalogue import MODELS
from challenges.models.token_counts import row_tokens
from challenges.models.tokens import counter
from challenges.own_choices import LUCK_MAX, OwnChoices
from challenges.prompts import problem_with
from challenges.spec import FreeForm, TrainRow
from challenges.texts import normal


def lint_candidates(subject: Subject, listed: Candidates, own: OwnChoices | None, row_tokens_max: int) -> None:
    """Texts and lengths of the candidates, and whether luck alone passes."""
    _twice(subject, listed)
    for candidate in listed:
        _texts(subject, candidate)
    _lengths(subject, listed, row_tokens_max)
    if own is not None:
        _own(subject, own, len(listed))


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
    if (found := unwanted("\n".join(texts), unseen=True)) is not None:
        _say(subject, one, f"holds the unseen character {found}", "remove it")
    model = MODELS.get(subject.challenge.model or "")
    if model and any(token in text for token in model.special_tokens for text in texts):
        _say(subject, one, "holds a control token of the model", "remove it")


def _lengths(subject: Subject, listed: Candidates, most: int) -> None:
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


def _say(subject: Subject, one: Candidate, what: str, mend: str) -> None:
    subject.spec(f"the candidate `{one.id}` {what}", mend, "candidates")
