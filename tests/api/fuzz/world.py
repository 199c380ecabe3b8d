"""What there is for the calls to meet: courses, attempts in every state, reviews, audits, shadow runs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from django.conf import settings
from django.utils import timezone

from challenges.authoring.archive import pack
from challenges.reading import read_course
from gradus.accounts.models import ApiToken, User
from gradus.accounts.token_rules import Content, LearnerData, Scope
from gradus.chats import services as chats
from gradus.classes.models import Announcement, Grant
from gradus.courses import archives, publishing, uploads
from gradus.courses.models import Challenge, ChallengeVersion, Upload
from gradus.courses.services import publish
from gradus.reviews import services as reviews
from gradus.reviews.models import Regrade, Review
from gradus.submissions import services
from gradus.submissions.models import Annulment, Evaluation, Mark, Run, Submission
from gradus.submissions.results import board_decisions as moderation
from gradus.teach import people
from tests import example_course, factories
from tests.browser.driver.pages import TICKETS
from tests.challenges.factory import write_course
from tests.learn import scene
from tests.reviews import cases

Names = dict[str, Any]
# The key of a member of the class.
MEMBER = 4711
# With which one joins the class.
CODE = "abcdefghjk"
# The learner's name on leaderboards.
PSEUDONYM = "adamant"
CHALLENGES = ("sea-or-sky", "ticket", "explain", "ask-the-library", "your-clicks")
TICKET = {**factories.LORA, "rows": TICKETS}


@dataclass(frozen=True)
class World:
    """Bearer tokens by caller; what a path parameter may name, by kind of thing and what is special about it."""

    tokens: dict[str, str]
    things: dict[str, Names]

    def headers(self, who: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[who]}"} if who in self.tokens else {}

    def of(self, path: str, parameter: str) -> Names:
        """The things that may stand in an operation's path for this parameter.

        What several kinds of things call by one word is looked up with the first part of the path.
        """
        first = path.removeprefix("/api/v1/").partition("/")[0]
        return self.things.get(f"{first} {parameter}") or self.things.get(parameter) or self.things[first]


def make(folder: Path) -> World:
    scene.scene_course(folder)
    publish(read_course(example_course.write_course(folder.parent / "examples")))
    version = factories.challenge("sea-or-sky").version
    assert version is not None
    learner = factories.UserFactory.create(username="ada", email="ada@example.org", pseudonym=PSEUDONYM)
    staff = factories.UserFactory.create(username="grace", email="grace@example.org", is_staff=True, is_superuser=True)
    attempts, runs, found = submissions(learner), trials(learner, version), audits(learner, staff)
    runs["chat"] = answered(attempts["adapter"])
    regraded = done_regrade(staff)
    one = Submission.objects.filter(pk=attempts["answer"].pk)
    waiting = reviews.start_regrade(factories.challenge("explain"), by=staff, submissions=one)
    tiny = version.challenge.course
    role = factories.enrol(learner, tiny, Scope(Content.PREVIEWER))
    invited = people.invite(tiny, by=staff, email="lena@example.org", scope=Scope(Content.VIEWER), site="/").invitation
    until = timezone.now() + timedelta(days=30)
    evening = factories.a_class(tiny, join_code=CODE, join_code_until=until)
    morning = factories.a_class(tiny)
    factories.member(morning, staff, learner_data=LearnerData.EDITOR)
    dan = factories.member(evening, pk=MEMBER, email="dan@example.org")
    more = {"attempts": 2, "reason": "The train stood still.", "granted_by": staff}
    granted = Grant.objects.create(member=dan, challenge=factories.challenge("sea-or-sky"), **more)
    announced = Announcement.objects.create(of_class=evening, title="Room", text="Room 4.")
    attempts["queued"] = factories.submit(learner, "ticket", TICKET)
    noon = factories.a_class(tiny)
    factories.member(noon, learner)
    flagged, hidden, annulled, annulment = decided(staff)
    return World(
        tokens={
            "learner": ApiToken.issue(learner, "fuzz")[1],
            "staff": ApiToken.issue(staff, "fuzz", Scope(Content.OWNER, LearnerData.EDITOR))[1],
        },
        things={
            "courses": {"tiny": "tiny", "drafted": drafted(folder.parent / "drafted", staff)},
            "challenge": {"drafted": "sea-or-sky"},
            "lessons": {"first": "first", "examples": "examples"},
            "finding": {"first": "few-shot"},
            "question": {"first": "water"},
            "challenges": {slug: slug for slug in CHALLENGES},
            "submissions": {name: str(one.uuid) for name, one in attempts.items()},
            "runs": {name: str(one.uuid) for name, one in runs.items()},
            "reviews": {name: one.pk for name, one in found.items()},
            "uploads": {"half": str(half_sent(staff).uuid), "whole": str(wholly_sent(staff, folder).uuid)},
            "offset": {"half": uploads.PART_MIN},
            "person": {"tiny": role.pk},
            "invitation": {"tiny": invited.pk},
            "classes": {"evening": evening.pk, "morning": morning.pk, "noon": noon.pk},
            "member": {"evening": MEMBER},
            "announcement": {"evening": announced.pk},
            "grant": {"evening": granted.pk},
            "boards": {"sea": "sea-or-sky", "ticket": "ticket"}
            | dict.fromkeys(("flagged", "hidden", "annulled"), "sea-or-sky"),
            "entry": {"sea": learner.pk, "ticket": learner.pk},
            "mark": {"flagged": flagged.pk, "hidden": hidden.pk},
            "boards uuid": {"sea": str(attempts["prompt"].uuid), "annulled": str(annulled.uuid)},
            "annulment": {"annulled": annulment.pk},
            "regrades": {"waiting": waiting.pk, "done": regraded.pk},
        },
    )


def drafted(folder: Path, staff: User) -> str:
    """A course with two contents that were published, a draft, and a leaderboard that waits for a regrade."""
    words = write_course(folder, id="drafted") / "first/lesson.md"
    for number in range(2):
        words.write_text(f"# First\n\nWords {number}.\n")
        publish(read_course(folder), archives.keep_folder(folder))
    live = Challenge.objects.get(course__slug="drafted", name="sea-or-sky")
    Challenge.objects.filter(pk=live.pk).update(board_version=live.version)
    words.write_text("# First\n\nOther words.\n")
    with TemporaryFile() as archive:
        pack(folder, archive)
        publishing.push(folder, archive, by=staff, course_slug="drafted")
    return "drafted"


def half_sent(staff: User) -> Upload:
    """An archive of which one byte is missing."""
    size = uploads.PART_MIN + 1
    upload, _ = uploads.begin(staff, "tiny", size=size, sha256=hashlib.sha256(bytes(size)).hexdigest())
    return uploads.add_part(upload, 0, bytes(uploads.PART_MIN))


def wholly_sent(staff: User, folder: Path) -> Upload:
    """The archive of the course that is live."""
    with TemporaryFile() as archive:
        packed = pack(folder, archive)
        upload, _ = uploads.begin(staff, "tiny", size=packed.bytes, sha256=packed.sha256)
        archive.seek(0)
        return uploads.add_part(upload, 0, archive.read())


def submissions(learner: User) -> dict[str, Submission]:
    found = {"prompt": factories.submit(learner)}
    factories.grade(found["prompt"], 0.9)
    found["adapter"] = factories.submit(learner, payload=factories.LORA)
    factories.grade(found["adapter"], 0.7)
    name = factories.adapter_zip()
    Evaluation.objects.filter(pk=found["adapter"].current.pk).update(artifact=name)
    found["ticket"] = factories.submit(learner, "ticket", TICKET)
    factories.grade(found["ticket"], 0.5)
    found["answer"] = cases.final(learner)
    found["cancelled"] = factories.submit(learner)
    services.cancel(found["cancelled"])
    found["rejected"] = factories.submit(learner)
    evaluation = factories.claimed(found["rejected"])
    services.reject(evaluation.pk, evaluation.fence, "prompt_too_long")
    return found


def decided(staff: User) -> tuple[Mark, Mark, Submission, Annulment]:
    """Another learner's entry, which is flagged, and hidden with an answer; and an annulled attempt."""
    other = factories.UserFactory.create()
    factories.grade(factories.submit(other), 0.6)
    annulled = factories.submit(other)
    factories.grade(annulled, 0.8)
    challenge = annulled.challenge
    flagged = moderation.mark(other, challenge, Mark.Kind.FLAG, by=staff, reason="Look again.")
    hidden = moderation.mark(other, challenge, Mark.Kind.HIDDEN, by=staff, reason="It is a copy.")
    moderation.answer(hidden, "It is not.", by=other)
    return flagged, hidden, annulled, moderation.annul(annulled, by=staff, reason="Not the own work.")


def answered(attempt: Submission) -> Run:
    """A message to what the attempt has trained, with both answers. Trials that wait are claimed before it."""
    message = chats.send(Submission.objects.get(pk=attempt.pk), "a heron", "challenge")
    Evaluation.objects.filter(run=message.run).update(lane="train")
    factories.grade(message.run, None, result={"chat": factories.CHAT})
    return message.run


def trials(learner: User, version: ChallengeVersion) -> dict[str, Run]:
    done = services.start_run(learner, version, factories.PROMPT)
    factories.grade(done)
    return {"done": done, "queued": services.start_run(learner, version, factories.PROMPT)}


def audits(learner: User, staff: User) -> dict[str, Review]:
    """Answers that wait for a person, one that another reviewer holds, one that was decided, and a blind audit."""
    found = {"decided": cases.waiting(learner), "held": cases.waiting(factories.UserFactory.create())}
    reviews.claim(factories.UserFactory.create(is_staff=True), ids=[found["held"].pk])
    reviews.decide(found["decided"], by=staff, marks=cases.ALL_MET, reason="")
    # Only now, because of two that wait with the same text the earlier one is decided with the later one.
    found["waiting"] = cases.waiting(learner)
    with drawn():
        found["audit"] = Review.objects.get(submission=cases.final(learner, notes={"language": "en"}))
    return found


def done_regrade(staff: User) -> Regrade:
    """A shadow run whose work is done, waiting to be approved."""
    regrade = reviews.start_regrade(factories.challenge("sea-or-sky"), by=staff, note="again")
    for item in regrade.items.all():
        claimed = services.claim(item.new.lane, worker="worker-1", profile="cpu/float32/1")
        assert claimed is not None
        result = factories.result_for(item.new.submission)
        services.record(claimed.pk, claimed.fence, services.Outcome(score=0.8, result=result))
    return regrade


@contextmanager
def drawn() -> Iterator[None]:
    """Every final grade is audited."""
    before = settings.AUDIT_SHARE, settings.AUDIT_SHARE_NEW
    settings.AUDIT_SHARE = settings.AUDIT_SHARE_NEW = 1.0
    yield
    settings.AUDIT_SHARE, settings.AUDIT_SHARE_NEW = before
