"""A site with something in every table and every state, made by the real services over two days of November 2026."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings

from challenges.reading import read_course
from graders.free_text.judge.messages import version as template_version
from gradus.accounts.models import ApiToken, ExemptNetwork, LimitCount, User
from gradus.chats import services as chats
from gradus.courses import catalogue
from gradus.courses.services import publish
from gradus.laboratory import own_sets
from gradus.laboratory import runs as finding_runs
from gradus.learn.demo.demo import DEMO
from gradus.learn.demo.retriever import RETRIEVER
from gradus.notices import services as notices
from gradus.preferences import services as preferences
from gradus.questions import services as questions
from gradus.questions.models import Part
from gradus.receipts import services as receipts
from gradus.reconciling import reconciler
from gradus.reports import services as reports
from gradus.reports.models import ProblemReport
from gradus.reviews import services as reviews
from gradus.reviews.models import Regrade, Review
from gradus.submissions import services
from gradus.submissions.models import Run, Submission
from tests import factories
from tests.compatibility.course import BREAKS, DIVERGES, EXPLANATION, JUDGE, LOOKED_UP, STEADY, TICKETS
from tests.compatibility.machine import graded, worker
from tests.reviews import cases
from workers.engine.choice import DEFAULT, Place
from workers.transport.choices import DatabaseChoices

FIRST_DAY = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
SECOND_DAY = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
LAST_MOMENT = datetime(2026, 11, 3, 15, 0, tzinfo=UTC)
# Attempts that are not Ada's.
OF_OTHERS = {"old-tune", "decided", "lowered", "audited", "audited-blind", "running", "of-a-guest"}


@dataclass(frozen=True)
class Made:
    """What the calls of a recording name: bearer tokens by caller, and ids by kind of thing and what is special."""

    tokens: dict[str, str]
    things: dict[str, dict[str, Any]]


class Author:
    """Makes the site. `folder` is for the worker's files."""

    def __init__(self, courses: Path, clock: Any, folder: Path) -> None:
        self.courses, self.clock, self.folder = courses, clock, folder
        self.attempts: dict[str, Submission] = {}
        self.runs: dict[str, Run] = {}

    def make(self) -> Made:
        self.clock.move_to(FIRST_DAY)
        publish(read_course(self.courses / "plain"))
        self._people()
        self._first_day()
        self.clock.move_to(SECOND_DAY)
        publish(read_course(self.courses / "full"))
        self._runs()
        self._second_day()
        regrades = self._regrades()
        found = self._reviews()
        self._beside_attempts()
        self._guest()
        self._left_open()
        reconciler.report({"requeued": 1}, {})
        DatabaseChoices().keep(Place("d" * 64, "a CPU", 1, "cpu", "torch 2"), DEFAULT)
        return Made(self.tokens, self._things(found, regrades))

    def _people(self) -> None:
        make = factories.UserFactory.create
        self.ada = make(username="ada", email="ada@example.org", pseudonym="enchantress")
        self.bob = make(username="bob", email="bob@example.org", pseudonym="builder")
        self.tom = make(username="tom", email="tom@example.org", pseudonym="teacher")
        self.grace = make(
            username="grace", email="grace@example.org", pseudonym="admiral", is_staff=True, is_superuser=True
        )
        EmailAddress.objects.create(user=self.ada, email=self.ada.email, primary=True, verified=True)
        course = factories.challenge("explain").lesson.course
        factories.enrol(self.tom, course, factories.TEACHER)
        factories.enrol(self.bob, course)
        until = LAST_MOMENT + timedelta(days=1)
        ExemptNetwork.objects.create(network="203.0.113.0/24", until=until, note="Room 12", added_by=self.grace)
        self.tokens = {
            "learner": ApiToken.issue(self.ada, "laptop", days=365)[1],
            "teacher": ApiToken.issue(self.tom, "marking", factories.REVIEWING, days=365)[1],
            "staff": ApiToken.issue(self.grace, "marking", factories.REVIEWING, days=365)[1],
        }
        ApiToken.issue(self.ada, "lost laptop")[0].revoke()

    def _attempt(self, name: str, user: User, slug: str, payload: dict[str, Any], **more: Any) -> Submission:
        """`grade=False` leaves it open; `network` is where it comes from."""
        self.clock.shift(60)
        grade, network = more.get("grade", True), more.get("network", "")
        key = f"made-{len(self.attempts)}"
        sent = services.submit(user, factories.challenge(slug), payload, idempotency_key=key, network=network)
        made = self.attempts[name] = sent[0]
        if grade:
            graded(made, self.clock, self.folder)
        return made

    def _first_day(self) -> None:
        self._attempt("old-prompt", self.ada, "sea-or-sky", factories.PROMPT)
        self._attempt("old-tune", self.bob, "sea-or-sky", factories.LORA)
        # No judge is calibrated yet, so that a person is asked.
        self._attempt("waits", self.ada, "explain", EXPLANATION)
        self._attempt("decided", self.bob, "explain", EXPLANATION)
        self._attempt("failed", self.ada, "sea-or-sky", BREAKS)
        self._attempt("rejected", self.ada, "sea-or-sky", DIVERGES)
        services.cancel(self._attempt("cancelled", self.ada, "ticket", TICKETS, grade=False))
        running = self._attempt("cancelled-late", self.ada, "ticket", TICKETS, grade=False)
        services.claim("grade", worker="grader-1:grade:1", profile="cpu/float32/1")
        services.cancel(running)
        services.take_hint(self.ada, factories.challenge("sea-or-sky"))
        services.take_hint(self.ada, factories.challenge("sea-or-sky"))

    def _runs(self) -> None:
        version = factories.challenge("sea-or-sky").version
        lesson = catalogue.now().lesson("first")
        assert version is not None
        self.runs["trial"] = services.start_run(self.ada, version, factories.PROMPT)
        few_shot = next(one for one in lesson.parsed_findings if one.id == "few-shot")
        repeated = finding_runs.start(lesson, few_shot, self.ada, 1)
        panels = DEMO.start(lesson, self.ada, "a heron over the reef")
        third = catalogue.now().lesson("third")
        self.runs |= {f"finding-{n}": run for n, run in enumerate(repeated)}
        self.runs |= dict(zip(("zero", "few", "tuned"), panels, strict=True))
        for run in list(self.runs.values()):
            graded(run, self.clock, self.folder)
        searches = RETRIEVER.start(third, self.ada, "When is the library closed?")
        self.runs |= dict(zip(("by-words", "by-vectors", "by-both"), searches, strict=True))
        for run in searches:
            graded(run, self.clock, self.folder)
        for run in own_sets.start(lesson, few_shot, self.ada, own_sets.Guess("few", 0.7)):
            graded(run, self.clock, self.folder)
        services.verify(version)
        for lane in ("grade", "train"):
            self._work_off(lane)
        self.runs["cancelled"] = services.start_run(self.ada, version, factories.PROMPT)
        services.cancel_run(self.runs["cancelled"])

    def _second_day(self) -> None:
        self._attempt("prompt", self.ada, "sea-or-sky", factories.PROMPT)
        self._attempt("tune", self.ada, "sea-or-sky", factories.LORA)
        self._attempt("ticket", self.ada, "ticket", TICKETS)
        self._attempt("looked-up", self.ada, "ask-the-library", LOOKED_UP)
        self._attempt("steady", self.ada, "short-and-steady", STEADY)
        self._attempt("in-doubt", self.ada, "explain", EXPLANATION)
        for name, user in (("answer", self.ada), ("lowered", self.bob), ("unread", self.ada), ("seconded", self.ada)):
            self._final(name, user)
        settings.AUDIT_SHARE = settings.AUDIT_SHARE_NEW = 1.0
        for name in ("audited", "audited-blind"):
            self._final(name, self.bob)
        settings.AUDIT_SHARE = settings.AUDIT_SHARE_NEW = 0.0

    def _final(self, name: str, user: User) -> None:
        """A judge that has passed its gate graded it, and no doubt was left."""
        made = self._attempt(name, user, "explain", EXPLANATION, grade=False)
        judge = (JUDGE, template_version())
        factories.grade(made, cases.score(cases.MARKS), result=cases.result(), judge=judge, notes={"language": "en"})

    def _regrades(self) -> dict[str, Regrade]:
        """The old attempts at one challenge were graded again and adopted; another shadow run waits for the worker."""
        challenge, old = factories.challenge("sea-or-sky"), self._only("old-tune")
        approved = reviews.start_regrade(challenge, by=self.grace, submissions=old, note="The new version")
        self._work_off("train")
        reviews.approve(approved, by=self.grace, lower=True)
        done = reviews.start_regrade(challenge, by=self.grace, submissions=self._only("old-prompt"), note="Again")
        self._work_off("grade")
        open_ = reviews.start_regrade(factories.challenge("ticket"), by=self.grace, submissions=self._only("ticket"))
        return {"approved": approved, "done": done, "open": open_}

    def _only(self, name: str) -> Any:
        return Submission.objects.filter(pk=self.attempts[name].pk)

    def _work_off(self, lane: str) -> None:
        at_work = worker(lane, self.clock, self.folder)
        while at_work.step():
            self.clock.shift(1)

    def _reviews(self) -> dict[str, Review]:
        reviews.appeal(self.attempts["lowered"], "I named the remedy as well.")
        found = {
            name: Review.objects.get(submission=self.attempts[name])
            for name in ("waits", "decided", "lowered", "audited", "audited-blind")
        }
        lower = {**cases.ALL_MET, "remedy": "not_met"}
        reviews.decide(found["decided"], by=self.grace, marks=cases.ALL_MET, reason="Says all of it.")
        reviews.decide(found["lowered"], by=self.grace, marks=lower, reason="The remedy is missing.")
        reviews.mark_blind(found["audited-blind"], by=self.tom, marks=lower)
        reviews.make_gold(Review.objects.get(pk=found["decided"].pk), by=self.grace, role="test")
        reviews.appeal(self.attempts["answer"], "The last sentence says it.")
        return found | {"appealed": Review.objects.get(submission=self.attempts["answer"])}

    def _beside_attempts(self) -> None:
        """What learners do beside their attempts: questions, choices, chats, measurements, reports and receipts."""
        lesson, challenge = catalogue.now().lesson("third"), factories.challenge("sea-or-sky")
        for part, asked in questions.parts(lesson).items():
            questions.answer(self.ada, lesson, asked[0], Part(part), 1)
        clicks = factories.challenge("your-clicks")
        for side in (preferences.Side.FIRST, preferences.Side.NEITHER):
            pair = preferences.pairs_of(self.ada, clicks).next
            assert pair is not None
            preferences.choose(self.ada, clicks, pair, side)
        message = chats.send(self.attempts["tune"], "a heron over the reef", "challenge")
        factories.grade(message.run, None, result={"chat": factories.CHAT})
        self.runs["chat"] = message.run
        self.clock.shift(3600)
        services.measure_attempt(self.ada, challenge, self.attempts["prompt"])
        self._work_off("train")
        text = "The third sample says sea twice."
        made = reports.report(self.ada, challenge, track="", what=ProblemReport.What.SAMPLE, text=text)
        reports.answer(made, by=self.grace, text="Thank you, it is corrected.")
        reports.report(self.ada, challenge, track="", what=ProblemReport.What.PAGE, text="Too small on my phone.")
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        notices.wish_mails(self.ada, wanted=True, site="https://gradus.example.org")
        settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
        assert receipts.receipt(self.attempts["prompt"], "https://gradus.example.org")
        LimitCount.objects.create(cache_key="allauth:a-keyed-hash", value="[1]", expires=LAST_MOMENT)

    def _guest(self) -> None:
        self.guest = User.objects.create_guest()
        self._attempt("of-a-guest", self.guest, "sea-or-sky", factories.PROMPT, network="198.51.100.0/24")

    def _left_open(self) -> None:
        """What waits and what is being graded when the recording is made."""
        self.clock.move_to(LAST_MOMENT - timedelta(seconds=30))
        version = factories.challenge("sea-or-sky").version
        assert version is not None
        self.runs["queued"] = services.start_run(self.ada, version, factories.PROMPT)
        ticket = factories.challenge("ticket")
        self.runs["measured"] = services.measure_attempt(self.ada, ticket, self.attempts["ticket"])
        settings.APPEAL_MODEL = "judge-2"
        reviews.appeal(self.attempts["seconded"], "A second look, please.")
        settings.APPEAL_MODEL = ""
        self._attempt("running", self.bob, "sea-or-sky", factories.LORA, grade=False)
        services.claim("train", worker="grader-1:train:1", profile="cpu/float32/1")
        self._attempt("queued", self.ada, "sea-or-sky", factories.LORA, grade=False)
        self.clock.move_to(LAST_MOMENT)

    def _things(self, found: dict[str, Review], regrades: dict[str, Regrade]) -> dict[str, dict[str, Any]]:
        pair = preferences.pairs_of(self.ada, factories.challenge("your-clicks")).next
        assert pair is not None
        return {
            "pair": {"id": pair.id, "shown": pair.shown},
            "submissions": {name: str(one.uuid) for name, one in self.attempts.items()},
            "runs": {name: str(one.uuid) for name, one in self.runs.items()},
            "reviews": {name: one.pk for name, one in found.items()},
            "regrades": {name: one.pk for name, one in regrades.items()},
            "users": {"ada": self.ada.pk, "tom": self.tom.pk, "grace": self.grace.pk, "guest": self.guest.pk},
        }
