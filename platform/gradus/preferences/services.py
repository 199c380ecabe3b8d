"""The only writers of choices, and the rule that a submission holds the learner's own."""

from collections.abc import Iterator

from django.utils import timezone
from django.utils.translation import gettext as _

from challenges.field_checks import FieldProblem
from challenges.kinds import registry as kinds
from challenges.payloads import Submitted
from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.preferences.models import PairChoice, Side
from gradus.preferences.pairs import Pair, pairs_of, rows_of, seen


def choose(user: User, challenge: Challenge, shown: Pair, chosen: Side) -> None:
    """Stores a choice at once. A pair that was chosen between before gets the new choice, and stays one."""
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
    newest = PairChoice.objects.of(user, challenge).last()
    if newest is not None:
        newest.delete()


def forget_skipped(user: User, challenge: Challenge) -> None:
    """Lets the pairs that were skipped be shown again."""
    PairChoice.objects.of(user, challenge).filter(chosen=Side.NEITHER).delete()


def forget(user: User, challenge: Challenge) -> None:
    """Deletes all choices at the challenge."""
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


__all__ = ["Pair", "Side", "choose", "forget", "forget_skipped", "pairs_of", "rows_of", "seen", "strange_rows", "undo"]
