"""Services with which a person decides a grade, marks an audit, or keeps an answer as a gold row.

The machine's grade stays in the database.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from challenges import marks as table
from challenges import spec as specs
from challenges.kinds.rubric import free_text
from challenges.rows import GoldAnswer
from gradus.accounts import staff_actions as staff
from gradus.accounts.models import StaffAction, User
from gradus.courses.models import Challenge
from gradus.notices.models import Notice
from gradus.notices.services import tell
from gradus.refusal import refuse_broken, too_long
from gradus.reviews import queue
from gradus.reviews.evidence import quoted_rows
from gradus.reviews.models import COMMENT_CHARS, GoldRow, Review
from gradus.reviews.services import appeals, gold, latest, locks, opening
from gradus.submissions import services
from gradus.submissions.models import Evaluation, Grader
from gradus.submissions.results.standings import hold_learner
from gradus.submissions.services import Refused

What = StaffAction.What
REASON_CHARS = 2000


def score_of(challenge: specs.Challenge, marks: dict[str, str]) -> float:
    """Returns the score in [0, 1] of a person's marks, which are given by the criterion's id.

    Raises:
        Refused: 422, a criterion has no mark or one that it does not allow, or the rubric has no such criterion.
    """
    if strange := set(marks) - {criterion.id for criterion in free_text(challenge).rubric}:
        raise Refused("bad_mark", _("The rubric has no criterion “%(id)s”.") % {"id": min(strange)[:80]})
    for criterion in free_text(challenge).rubric:
        if marks.get(criterion.id) not in table.allowed(criterion):
            raise Refused("bad_mark", _("Choose a mark for “%(label)s”.") % {"label": criterion.label})
    return table.score(free_text(challenge).rubric, marks)


@transaction.atomic
def decide(
    review: Review, *, by: User, marks: dict[str, str], reason: str, comment: str = "", in_bulk: bool = False
) -> Evaluation:
    """Makes a person's marks the current grade, and closes an appeal against the grade before.

    The learner reads `comment` with the result, and only staff read `reason`. Earlier attempts of the learner that wait
    with the same text get the same marks. If the review follows that of a later attempt, the later one is decided, and
    this one with it. `in_bulk` notes that the machine's marks were accepted together with those of other answers. Any
    other decision becomes a gold row where an editor of the course has consented to that.

    Raises:
        Refused: 403, the answer is the person's own, or the person may not decide here; 409, somebody else has decided
            or holds the answer, the learner has withdrawn the attempt, or it must be marked blind first; 422, a mark is
            missing, the reason is missing although a final grade is lowered, or a text is too long or contains a
            character that is not allowed.
    """
    refuse_text("reason", reason, REASON_CHARS)
    refuse_text("comment", comment, COMMENT_CHARS)
    refuse_own(review, by)
    queue.refuse_unless_decides_of(by, review)
    score_of(review.evaluation.version.parsed, marks)
    challenge = review.submission.challenge
    hold_learner(review.submission.user_id)
    review = latest.head_of(review)
    queue.refuse_unless_decides_of(by, review)
    if review.is_blind:
        raise Refused("blind_first", _("This answer is marked blind: give your own marks first."), 409)
    made = _record(review, by, marks, reason, comment, in_bulk=in_bulk)
    if made.score.before is not None and made.score.shown < made.score.before and not reason.strip():
        raise Refused("reason_needed", _("This lowers a grade that the learner has seen. Give a reason."))
    appeals.close_by_person(review.submission, made)
    # Where the decision has closed an appeal, the learner has been told of that.
    tell(made, Notice.Kind.GRADED if in_bulk else Notice.Kind.REVIEWED)
    if not in_bulk:
        gold.keep_decision(review, marks, by=by)
    # One notice and one gold row are enough: the attempts have the same text.
    for follower in latest.followers_of(review):
        if not queue.decides(by, challenge, follower.submission.of_class):
            continue
        reason_here = latest.reason_of_follower(review)
        try:
            # Nobody has marked it blind, and it measures nothing.
            _record(follower, by, marks, reason_here, comment, in_bulk=in_bulk, blind=False)
        except Refused as refusal:
            if refusal.code != "open":
                raise
            said = _(
                "An earlier attempt of the learner with this text is being graded again. Wait until that has finished."
            )
            raise Refused("open", said, 409) from None
    return made


def _record(review: Review, by: User, marks: dict[str, str], reason: str, comment: str, **changes: Any) -> Evaluation:
    """Closes a review with a person's marks, and makes them the current grade of its attempt."""
    evaluation = review.evaluation
    value = score_of(evaluation.version.parsed, marks)
    how = {"in_bulk": True} if changes.get("in_bulk") else {}
    _close(review, by, marks, reason, comment, **changes)
    made = services.decide(
        review.submission,
        by=by,
        value=value,
        result=result_of(evaluation, marks, comment) | how,
        graded_version=evaluation.graded_version,
    )
    opening.supersede(evaluation)
    staff.note(
        What.GRADE_DECIDED, review.submission, by=by, review=review.pk, evaluation=made.pk, **how, **_class_of(review)
    )
    return made


def _class_of(review: Review) -> dict[str, int]:
    """Returns what puts a note into the log of the class for which the attempt counts, if there is one."""
    key = review.submission.of_class_id
    return {} if key is None else {"class": key}


@transaction.atomic
def mark_blind(review: Review, *, by: User, marks: dict[str, str], comment: str = "") -> Review:
    """Stores a person's marks of an audit or a blind review, which were given without seeing the machine's marks.

    If they are equal, the review is closed, with the comment for the learner. If they differ, the grade does not change
    yet: a person then sees both and decides. If a person has decided the grade in the meantime, the review is closed,
    too.

    Raises:
        Refused: 403, the answer is the person's own, or the person may not decide here; 409, somebody else holds
            the answer, it is not to be marked blind, or has been marked blind already; 422, a mark is missing, or the
            comment is refused as by `decide`.
    """
    refuse_own(review, by)
    queue.refuse_unless_decides_of(by, review)
    refuse_text("comment", comment, COMMENT_CHARS)
    score_of(review.evaluation.version.parsed, marks)
    hold_learner(review.submission.user_id)
    waiting = Review.objects.waiting().filter(pk=review.pk)
    blind = waiting.marked_blind_first().filter(blind_at=None)
    if blind.free_for(by).update(blind_at=timezone.now(), blind_by=by, blind_marks=marks) != 1:
        if blind.exists() or not waiting.exists():
            raise locks.why_not(review, by)
        raise Refused("decided", _("This answer has been marked blind already, or is not to be marked blind."), 409)
    staff.note(What.AUDIT_MARKED, review.submission, by=by, review=review.pk, **_class_of(review))
    review.refresh_from_db()
    # An appeal against a grade that was accepted in bulk is about a person's grade, and still has to be decided.
    current = review.submission.current_for_staff
    if current.grader == Grader.PERSON and current.pk != review.evaluation_id:
        _close(review, by, marks, "", "")
    elif marks == machine_marks(review.evaluation):
        decide(review, by=by, marks=marks, reason="", comment=comment)
    review.refresh_from_db()
    return review


def machine_marks(evaluation: Evaluation) -> dict[str, str]:
    """Returns the machine's marks by the criterion's id."""
    return {mark["id"]: mark["mark"] for mark in (evaluation.result or {}).get("marks", [])}


def refuse_own(review: Review, by: User) -> None:
    """Raises `Refused` (403) if the answer is the person's own."""
    if review.submission.user_id == by.pk:
        raise Refused("own_answer", _("Somebody else has to grade your own answer."), 403)


def refuse_text(field: str, text: str, most: int) -> None:
    """Raises `Refused` (422) if a text is too long or contains a character that is not allowed."""
    refuse_broken(field, text)
    if len(text.strip()) > most:
        raise too_long(field, text.strip(), most)


def _close(review: Review, by: User, marks: dict[str, str], reason: str, comment: str, **changes: Any) -> None:
    """Closes the review by a conditional update, so that only one of two parallel decisions wins."""
    waiting = Review.objects.undecided().free_for(by).filter(pk=review.pk)
    texts = {"reason": reason.strip(), "comment": comment.strip()}
    decision = {"decided_at": timezone.now(), "decided_by": by, "marks": marks, **texts, **changes}
    if waiting.update(**decision, **locks.FREE) != 1:
        raise locks.why_not(review, by)


def result_of(evaluation: Evaluation, marks: dict[str, str], comment: str = "") -> dict[str, Any]:
    """Returns what the learner sees of a person's marks: labels, points, quotes, the author's advice, and the comment.

    The machine's quotes stay with a criterion that earns points. For one that does not, they would not be evidence.
    """
    rubric = free_text(evaluation.version.parsed).rubric
    quotes = {mark["id"]: mark.get("evidence", []) for mark in (evaluation.result or {}).get("marks", [])}
    points = table.points(rubric, marks)
    return {
        **({"comment": comment.strip()} if comment.strip() else {}),
        "marks": [
            {
                "id": c.id,
                "label": c.label,
                "mark": marks[c.id],
                "points": points[c.id],
                "points_max": c.points,
                "evidence": quotes.get(c.id, []) if _shows_quotes(c.kind, marks[c.id]) else [],
                "improve": c.improve if points[c.id] < c.points else "",
            }
            for c in rubric
        ],
    }


def _shows_quotes(kind: str, mark: str) -> bool:
    return (mark == "not_met") if kind == "must_not_claim" else (mark != "not_met")


@transaction.atomic
def make_gold(review: Review, *, by: User, role: str) -> GoldRow:
    """Stores a decided answer with the person's marks as a gold row, which belongs to the course from then on.

    Raises:
        Refused: 403, the answer is the person's own, or the person may not decide here; 409, it has not been
            decided, or was accepted in bulk, or was collected as a gold row by consent; 422, the role is unknown.
    """
    refuse_own(review, by)
    # A gold row is about the learners of all classes.
    queue.refuse_unless_decides(by, review.submission.challenge)
    if review.decided_at is None:
        raise Refused("undecided", _("Only an answer that a person has decided can become a gold row."), 409)
    if review.in_bulk:
        said = _("The machine's marks of this answer were accepted in bulk, so they cannot become a gold row.")
        raise Refused("in_bulk", said, 409)
    if role not in GoldRow.Role.values:
        raise Refused("bad_role", _("Choose one of: %(roles)s.") % {"roles": ", ".join(GoldRow.Role.values)})
    answer = review.submission.payload["answer"]
    values = {"review": review, "answer": answer, "marks": review.marks, "role": role, "created_by": by}
    values["quoted"] = quoted_rows(review.submission) or None
    digest = hashlib.sha256(answer.encode()).hexdigest()
    row, created = GoldRow.objects.get_or_create(challenge=review.submission.challenge, digest=digest, defaults=values)
    if not created and row.consent_id is not None:
        # Its role was drawn, and it goes with the learner's account.
        said = _("This answer is a gold row already: it was collected when it was marked, for this use: %(use)s.")
        raise Refused("collected", said % {"use": row.get_role_display()}, 409)
    staff.note(StaffAction.What.GOLD_KEPT, row, by=by, review=review.pk, role=row.role)
    return row


def as_json_lines(challenge: Challenge) -> str:
    """Returns all gold rows of a challenge in the format of `gold.jsonl`, oldest first."""
    kept = challenge.gold_rows.all()
    rows = (GoldAnswer(answer=r.answer, marks=r.marks, role=r.role, quoted=tuple(r.quoted or ())) for r in kept)
    return "".join(json.dumps(specs.dump(row), ensure_ascii=False) + "\n" for row in rows)
