"""Everything that the site keeps about a person and that this person may see, as one JSON document.

Results are what the API returns to their owner: scores rounded down, results of public samples only, and times in
whole seconds. A new table with something about a person gets a section here. The document is made record by record, so
that it never lies in memory as a whole.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from tempfile import SpooledTemporaryFile
from typing import Any

from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.core.serializers.json import DjangoJSONEncoder

from gradus.accounts.models import Merge, User
from gradus.api.chats import chat_out
from gradus.api.runs import run_out
from gradus.api.submissions import appeal_out, submission_out
from gradus.chats.purpose import Chat
from gradus.classes.date_rules import facts_of
from gradus.friends.services import code_of, everybody
from gradus.leaderboards.boards import whole_second
from gradus.notices.models import MailWish, Notice
from gradus.reports.models import ProblemReport
from gradus.reviews.models import GoldRow
from gradus.submissions.models import HintsTaken, Mark, Run, Standing, Submission

Record = Mapping[str, Any]
# A document larger than this goes to a temporary file.
IN_MEMORY = 2**20
# How many rows of a table are loaded at a time.
LOADED = 50
# What is true only at the moment of a call.
MOMENTARY = {
    "queue_position",
    "wait_s",
    "takes",
    "waits_because",
    "attempts_left",
    "guest_note",
    "can_appeal",
    "appeal",
}


def account(user: User) -> Iterator[Record]:
    addresses = EmailAddress.objects.filter(user=user).order_by("pk")
    yield {
        "email": user.email,
        "addresses": list(addresses.values("email", "verified", "primary")),
        "lost_address": user.lost_email,
        "name_on_leaderboards": user.pseudonym,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "date_joined": user.date_joined,
        "last_login": user.last_login,
        "accounts_at_providers": list(
            SocialAccount.objects.filter(user=user)
            .order_by("pk")
            .values("provider", "uid", "date_joined", "last_login", "extra_data")
        ),
        "second_factor_due_at": user.second_factor_due_at,
        "roles": list(user.enrolments.order_by("pk").values("course__slug", "content", "learner_data", "created_at")),
        "may_create_courses": user.may_create_courses,
        "code_for_friends": code_of(user),
        "notices_by_mail": MailWish.objects.filter(user=user).exists(),
    }


def classes(user: User) -> Iterator[Record]:
    """Classes in which the person is or was, with what their people who teach have written of the person."""
    for one in user.memberships.select_related("of_class__course").prefetch_related("labels").order_by("pk"):
        kept = ("email", "login", "registration_number", "first_name", "last_name", "learner_data", "state")
        yield {
            "course": one.of_class.course.slug,
            "class": one.of_class.title,
            "labels": [label.name for label in one.labels.all()],
            **{name: getattr(one, name) for name in (*kept, "joined_via", "joined_at", "left_at", "invited_at")},
            "managed": list(
                one.managed.order_by("pk").values(
                    "source", "learner_data", "own_learner_data", "made_member", "changed_at"
                )
            ),
            "own_dates": [
                {"for": str(rule.challenge or rule.lesson or ""), **facts_of(rule)} for rule in one.date_rules.all()
            ],
            "granted_attempts": list(
                one.grants.values(
                    "challenge__slug", "attempts", "reason", "granted_at", "withdrawn_at", "withdrawn_reason"
                )
            ),
        }


def learning_platforms(user: User) -> Iterator[Record]:
    """By what the platforms know the person, through which the person came here, and which grades they were sent."""
    for one in user.platform_links.select_related("platform").order_by("pk"):
        kept = ("line_item__challenge__slug", "delivered", "delivered_at", "state")
        yield {
            "platform": one.platform.title,
            "issuer": one.platform.issuer,
            "sub": one.sub,
            "created_at": one.created_at,
            "grades": list(one.deliveries.order_by("pk").values(*kept)),
        }


def api_tokens(user: User) -> Iterable[Record]:
    kept = ("name", "prefix", "content", "learner_data", "created_at", "expires_at", "last_used_at", "revoked_at")
    found: Iterable[Record] = user.api_tokens.order_by("pk").values(*kept)
    return found


def submissions(user: User) -> Iterator[Record]:
    """Attempts with their grades; `copied_at` is when the course kept a copy of the answer with a person's marks."""
    kept = GoldRow.objects.filter(review__submission__user=user, review__submission__grade_withheld=False)
    copied = dict(kept.values_list("review__submission", "created_at"))
    found = Submission.objects.of(user).with_current().select_related("user").order_by("pk")
    for one in found.iterator(LOADED):
        shown = submission_out(one).model_dump(mode="json", exclude=MOMENTARY)
        appeals = [appeal_out(made) for made in one.appeals.order_by("pk")]
        copied_at = whole_second(copied[one.pk]) if one.pk in copied else None
        annulled = one.annulments.order_by("pk").values("reason", "made_at", "ended_at")
        own = {"payload": one.payload, "appeals": appeals, "copied_at": copied_at, "annulled": list(annulled)}
        yield {**shown, "submitted_version": one.version.version, **own}


def runs(user: User) -> Iterator[Record]:
    """The payload of a demo or of a finding's arm is the author's work, and is shown on their pages."""
    found = Run.objects.filter(user=user).exclude(purpose=Chat.name)
    for one in found.select_related("version__challenge").order_by("pk").iterator(LOADED):
        own = {"payload": one.payload} if one.is_trial else {"inputs": one.inputs}
        yield {**run_out(one).model_dump(mode="json", exclude=MOMENTARY), **own}


def chats(user: User) -> Iterator[Record]:
    """Messages to models that the person has trained, with their answers."""
    found = user.chat_messages.select_related("run", "submission").order_by("run_id")
    for one in found.iterator(LOADED):
        yield chat_out(one).model_dump(mode="json", exclude=MOMENTARY)


def best_results(user: User) -> Iterator[Record]:
    for one in Standing.objects.of(user).select_related("challenge", "version").order_by("pk").iterator(LOADED):
        yield {
            "challenge": one.challenge.slug,
            "version": one.version.version,
            "track": one.track,
            "score": one.shown,
            "passed": None if one.provisional else one.passed,
            "gold": one.gold,
            "provisional": one.provisional,
            "reached_at": whole_second(one.reached_at),
        }


def hidden_entries(user: User) -> Iterable[Record]:
    """When entries on leaderboards were hidden, and why. Flags are notes of staff to themselves, and are left out."""
    hidings = Mark.objects.filter(user=user, kind=Mark.Kind.HIDDEN).order_by("pk")
    kept = ("challenge__slug", "reason", "made_at", "ended_at", "answer", "answered_at", "read_at")
    found: Iterable[Record] = hidings.values(*kept)
    return found


def friends(user: User) -> Iterator[Record]:
    """What was asked and answered. Names are those that the person may know."""
    found = everybody(user)
    for is_of, listed in vars(found).items():
        for one in listed:
            kept = ("asked_at", "agreed_at", "refused_at")
            yield {"kind": is_of, "name": one.name, **{name: getattr(one.row, name) for name in kept}}


def hints(user: User) -> Iterable[Record]:
    found: Iterable[Record] = HintsTaken.objects.filter(user=user).order_by("pk").values("challenge__slug", "count")
    return found


def reports(user: User) -> Iterable[Record]:
    kept = ("version__challenge__slug", "version__version", "track", "what", "text", "created_at")
    found: Iterable[Record] = (
        ProblemReport.objects.filter(user=user).order_by("pk").values(*kept, "answer", "answered_at")
    )
    return found


def notices(user: User) -> Iterator[Record]:
    for one in Notice.objects.of(user).with_subjects().order_by("pk").iterator(LOADED):
        yield {
            "kind": one.kind,
            "challenge": one.version.challenge.slug if one.version else None,
            "announcement": one.announcement.title if one.announcement else None,
            "about": one.owner.uuid if one.owner else None,
            "created_at": whole_second(one.created_at),
            "seen_at": one.seen_at,
            "mailed_at": one.mailed_at,
        }


def choices(user: User) -> Iterable[Record]:
    """Which of two answers the person prefers; 0 is neither."""
    kept = ("challenge__slug", "pair", "prompt", "first", "second", "chosen", "chosen_at")
    found: Iterable[Record] = user.pair_choices.order_by("pk").values(*kept)
    return found


def contributions(user: User) -> Iterator[Record]:
    """Sets of a finding's arms on public rows, each with what was predicted of it."""
    for one in user.contributions.select_related("lesson", "prediction").order_by("pk"):
        said = getattr(one, "prediction", None)
        yield {
            "lesson": one.lesson.slug,
            "finding": one.finding,
            "set": one.number,
            "scores": one.scores,
            "created_at": one.created_at,
            "withdrawn_at": one.withdrawn_at,
            "prediction": said and {"arm": said.arm, "probability": said.probability, "outcome": said.outcome},
        }


def question_answers(user: User) -> Iterable[Record]:
    kept = ("lesson__slug", "part", "question", "option", "is_right", "created_at")
    found: Iterable[Record] = user.question_answers.order_by("pk").values(*kept)
    return found


def read_steps(user: User) -> Iterable[Record]:
    found: Iterable[Record] = user.read_steps.order_by("pk").values("lesson__slug", "step", "created_at")
    return found


def snippets(user: User) -> Iterable[Record]:
    """Texts that a reviewer keeps for comments."""
    found: Iterable[Record] = user.snippets.order_by("pk").values("name", "text", "course__slug")
    return found


def merges(user: User) -> Iterator[Record]:
    """Other accounts of the person that were to become one with this account, and what became of that."""
    for one in Merge.objects.of(user).select_related("kept", "gone").order_by("pk"):
        kept = ("reason", "proposed_at", "kept_agreed_at", "gone_agreed_at", "merged_at", "moved", "ended_at")
        yield {"stays": one.kept.pseudonym, "closes": one.gone.pseudonym, **{name: getattr(one, name) for name in kept}}


SECTIONS: dict[str, Callable[[User], Iterable[Record]]] = {
    section.__name__: section
    for section in (
        account,
        classes,
        learning_platforms,
        submissions,
        runs,
        chats,
        best_results,
        hidden_entries,
        friends,
        hints,
        contributions,
        question_answers,
        read_steps,
        choices,
        reports,
        notices,
        snippets,
        merges,
        api_tokens,
    )
}


def document(user: User) -> Iterator[str]:
    """Yields the document in pieces: an object with a list for each section, one row to a line."""
    between = "{"
    for name, rows_of in SECTIONS.items():
        yield f"{between}\n{json.dumps(name)}: ["
        for number, row in enumerate(rows_of(user)):
            yield ("," if number else "") + "\n" + _line(row)
        yield "]"
        between = ","
    yield "\n}\n"


def _line(row: Record) -> str:
    return json.dumps(row, cls=DjangoJSONEncoder, ensure_ascii=False)


def write(user: User) -> SpooledTemporaryFile[bytes]:
    """Returns a temporary file with the document, to be read from its beginning and closed by the caller."""
    file = SpooledTemporaryFile[bytes](IN_MEMORY)
    for piece in document(user):
        # A lone surrogate cannot enter the database, so that all text can be encoded.
        file.write(piece.encode())
    file.seek(0)
    return file
