"""What an author or a teacher can do about the figures of a challenge, in sentences.

Every sentence follows from a figure that stands beside it. The bounds are rules of thumb of classical item analysis.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from gradus.challenge_health.figures import Computed
from gradus.challenge_health.item_analysis import LEARNERS_MIN, ItemFigures

FEW_PASS, NEARLY_ALL_PASS = 0.2, 0.95
# With fewer attempts or runs, one failure is a large share.
GRADINGS_MIN = 10
MANY_FAIL = 0.1
LARGE_GAP = 0.05
WRONG_WAY, SAYS_LITTLE = -0.1, 0.1
# A wrong answer that most learners agree on may be right.
AGREED = 0.6


@dataclass(frozen=True)
class Advice:
    """A sentence, and whether it is about something that is probably wrong."""

    text: str
    is_warning: bool = False


def of_challenge(found: Computed, *, sees_hidden: bool, open_reports: int, hints: list[int]) -> list[Advice]:
    """Returns what follows from the figures of a version, the most pressing first."""
    said = []
    if open_reports:
        text = ngettext(
            "One report of a problem waits for an answer: read it before you read figures.",
            "%(count)s reports of problems wait for an answer: read them before you read figures.",
            open_reports,
        )
        said.append(Advice(text % {"count": open_reports}, is_warning=True))
    said += _failures(found)
    if not found.learners:
        return [*said, Advice(_("Nobody has a score at this version yet, so nothing is known of how it does."))]
    if found.learners < LEARNERS_MIN:
        text = _(
            "The figures say little about the challenge until %(least)s learners have taken part (so far: %(count)s)."
        )
        return [*said, Advice(text % {"count": found.learners, "least": LEARNERS_MIN})]
    rate = found.pass_rate or 0.0
    if rate < FEW_PASS:
        text = _(
            "Few pass. See whether the lesson teaches what is asked, whether the hints help, and whether the pass mark "
            "lies between the obvious way and the understood one."
        )
        said.append(Advice(text, is_warning=True))
    elif rate > NEARLY_ALL_PASS and (found.attempts_to_pass or 0) <= 1:
        text = _(
            "Nearly everybody passes at once. As a first challenge that is what you want; otherwise the pass mark is "
            "too low, or the obvious way is enough."
        )
        said.append(Advice(text))
    if found.passed and not found.gold:
        said.append(Advice(_("Nobody has reached gold. See whether the author's own baseline still does.")))
    if hints and hints[-1] > found.learners / 2:
        said.append(
            Advice(_("More than half have taken the last hint: the lesson or the statement leaves something out."))
        )
    if sees_hidden and found.gap is not None and found.gap > LARGE_GAP:
        text = _(
            "The best attempts score higher on the split that is shown than on the private one: attempts are fitted to "
            "the score. Allow fewer attempts a day, or show coarser scores."
        )
        said.append(Advice(text, is_warning=True))
    if sees_hidden and (count := sum(of_row(one).is_warning for one in found.shown_items.values())):
        text = ngettext(
            "One row is probably wrong: look at it under Rows.",
            "%(count)s rows are probably wrong: look at them under Rows.",
            count,
        )
        said.append(Advice(text % {"count": count}, is_warning=True))
    return said


def _failures(found: Computed) -> list[Advice]:
    said = []
    for failed, of, text in (
        (
            found.failed,
            found.attempts,
            _("One attempt in ten or more was not graded. The most common reason is %(code)s."),
        ),
        (
            found.failed_runs,
            found.runs - sum(found.failed_runs.values()),
            _("One trial run in ten or more failed. The most common reason is %(code)s."),
        ),
    ):
        count = sum(failed.values())
        if count + of >= GRADINGS_MIN and count >= MANY_FAIL * (count + of):
            said.append(Advice(text % {"code": max(failed, key=lambda code: failed[code])}, is_warning=True))
    return said


def of_row(item: ItemFigures) -> Advice:
    """Returns what follows from the figures of a row or a criterion; an empty sentence where nothing does."""
    if item.learners < LEARNERS_MIN:
        return Advice("")
    if item.discrimination is not None and item.discrimination < WRONG_WAY:
        text = _(
            "Learners who do well elsewhere miss this more often than others: the expected answer is probably wrong, "
            "or the text can be read in two ways."
        )
        return Advice(text, is_warning=True)
    agreed = item.agreed if item.agreed is not None or not item.wrong else item.wrong[0][1] / item.learners
    if agreed and item.share < 1 - AGREED and agreed >= AGREED:
        text = _("Most learners get the same wrong answer: check whether that one is right.")
        return Advice(text, is_warning=True)
    if item.share == 0:
        return Advice(_("Nobody gets this right: check the expected answer. If it is right, keep it only for gold."))
    if item.share == 1:
        return Advice(_("Everybody gets this right, so it tells nobody apart."))
    if item.discrimination is not None and item.discrimination < SAYS_LITTLE:
        return Advice(_("This says little about who does well."))
    return Advice("")
