"""The pairs of answers that a learner is shown, in which order, and the services that keep what the learner chose."""

import hashlib
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations

from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from challenges.field_checks import FieldProblem
from challenges.kinds import registry as kinds
from challenges.kinds.own_choices import Candidate
from challenges.kinds.tune_keys import candidates, tune
from challenges.payloads import Submitted
from gradus.accounts.models import User
from gradus.courses import preview
from gradus.courses.models import Challenge
from gradus.preferences.models import PairChoice, Side

SHOWN_CHARS = 16


@dataclass(frozen=True)
class Pair:
    """Two answers to a prompt, as one learner is shown them. `chosen` is None where nothing was chosen yet."""

    id: str
    prompt: str
    first: str
    second: str
    chosen: Side | None = None

    @property
    def shown(self) -> str:
        """What exactly was shown, so that nobody chooses between texts that the author has changed meanwhile."""
        return hashlib.sha256(json.dumps([self.prompt, self.first, self.second]).encode()).hexdigest()[:SHOWN_CHARS]


@dataclass(frozen=True)
class Pairs:
    """All pairs of a challenge for one learner, in the author's order. `wanted` is how many choices are asked for."""

    all: Sequence[Pair]
    wanted: int

    @property
    def chosen(self) -> int:
        return sum(bool(pair.chosen) for pair in self.all)

    @property
    def skipped(self) -> int:
        return sum(pair.chosen == Side.NEITHER for pair in self.all)

    @property
    def next(self) -> Pair | None:
        """The first pair that is still open."""
        return next((pair for pair in self.all if pair.chosen is None), None)

    @property
    def are_enough(self) -> bool:
        return self.chosen >= self.wanted


def pairs_of(user: User | None, challenge: Challenge) -> Pairs:
    """The pairs of the challenge; none where it has no candidates.

    Of more than two answers, and of the two orders, a draw decides that is the learner's own and always the same, so
    that nobody is led by the place of an answer.
    """
    listed = candidates(challenge.spec)
    made = {one.pair: one for one in PairChoice.objects.of(user, challenge)} if user and listed else {}
    own = tune(challenge.spec).own_choices
    pairs = [_pair(one, made.get(one.id), lot(user.pk if user else None, challenge.pk)) for one in listed]
    return Pairs(pairs, own.least if own else len(listed))


def seen(challenge: Challenge, id: str, shown: str) -> Pair | None:
    """The pair of the candidate `id` that was shown as `Pair.shown` says; None where the challenge has it no more."""
    listed = [one for one in candidates(challenge.spec) if one.id == id]
    pairs = (Pair(id, one.prompt, *answers) for one in listed for answers in permutations(one.answers, 2))
    return next((pair for pair in pairs if pair.shown == shown), None)


def _pair(candidate: Candidate, made: PairChoice | None, lot: str) -> Pair:
    if made is not None and made.prompt == candidate.prompt and {made.first, made.second} <= set(candidate.answers):
        return Pair(candidate.id, made.prompt, made.first, made.second, Side(made.chosen))
    first, second = random.Random(f"{lot} {candidate.id}").sample(candidate.answers, 2)  # noqa: S311 - a keyed seed
    return Pair(candidate.id, candidate.prompt, first, second)


def lot(user_id: int | None, challenge_id: int) -> str:
    """A secret of the site about one learner at one challenge, always the same."""
    return salted_hmac("gradus.preferences", f"{user_id} {challenge_id}").hexdigest()


def rows_of(user: User | None, challenge: Challenge) -> list[dict[str, str]]:
    """The choices as training rows, in the author's order: those between answers that the challenge still has."""
    pairs = pairs_of(user, challenge).all
    return [_row(pair) for pair in pairs if pair.chosen]


def _row(pair: Pair) -> dict[str, str]:
    sides = (pair.first, pair.second) if pair.chosen == Side.FIRST else (pair.second, pair.first)
    return {"prompt": pair.prompt, "chosen": sides[0], "rejected": sides[1]}


def choose(user: User, challenge: Challenge, shown: Pair, chosen: Side) -> None:
    """Stores a choice at once. A pair that was chosen between before gets the new choice, and stays one."""
    preview.refuse_to_store()
    PairChoice.objects.update_or_create(
        user=user,
        challenge=challenge,
        pair=shown.id,
        defaults={
            "prompt": shown.prompt,
            "first": shown.first,
            "second": shown.second,
            "chosen": chosen,
            "chosen_at": timezone.now(),
        },
    )


def undo(user: User, challenge: Challenge) -> None:
    """Takes the newest choice back, so that its pair is shown again."""
    preview.refuse_to_store()
    newest = PairChoice.objects.of(user, challenge).last()
    if newest is not None:
        newest.delete()


def forget_skipped(user: User, challenge: Challenge) -> None:
    """Lets the pairs that were skipped be shown again."""
    preview.refuse_to_store()
    PairChoice.objects.of(user, challenge).filter(chosen=Side.NEITHER).delete()


def forget(user: User, challenge: Challenge) -> None:
    """Deletes all choices at the challenge."""
    preview.refuse_to_store()
    PairChoice.objects.of(user, challenge).delete()


def strange_rows(user: User, challenge: Challenge, payload: Submitted) -> Iterator[FieldProblem]:
    """The rows of a payload that are not the learner's own choices, where those are what is scored."""
    scored = kinds.find(payload.kind).own_choices(challenge.spec, payload)
    if not scored:
        return
    own = [tuple(row.values()) for row in rows_of(user, challenge)]
    message = _("You have not chosen this answer on the page of choices: take your choices over from there.")
    for number, row in enumerate(scored, 1):
        if tuple(row.model_dump().values()) not in own:
            yield FieldProblem("not_your_choice", "rows", message, number)
