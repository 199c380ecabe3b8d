"""The steps of a smoke run: what a learner and a member of staff do, and what must happen."""

from __future__ import annotations

import html
import io
import re
import secrets
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from django.conf import settings

from challenges.course_bundle import CourseBundle
from challenges.kinds.evaluate import KIND as EVALUATE
from challenges.kinds.free_text import KIND as FREE_TEXT
from challenges.kinds.prompt import KIND as PROMPT
from challenges.kinds.rag import KIND as RAG
from challenges.kinds.rubric import free_text
from tests.smoke import baselines, visitor
from tests.smoke.baselines import Choice
from tests.smoke.report import MismatchError, expect
from tests.smoke.visitor import Event, Visitor

LIBRARY = settings.BASE_DIR / "challenges" / "library"
# One tiny challenge for each training method beside LoRA.
METHODS = settings.BASE_DIR / "docs" / "examples" / "training-methods"
# Time limits in seconds. A first job waits for the model to load, and training takes minutes on two cores.
QUICK, SLOW = 240.0, 660.0
UUID = re.compile(r"/(?:submissions|runs)/([0-9a-f-]{36})/")
ADAPTER = {"adapter_config.json", "adapter_model.safetensors"}


class Story:
    """`methods` is a course of eight rows and one epoch for each training method; QLoRA's rows are LoRA's, too."""

    def __init__(
        self,
        base: str,
        course: CourseBundle,
        examples: CourseBundle,
        methods: CourseBundle,
        administrator: Callable[[], tuple[str, str]],
    ) -> None:
        self.learner, self.staff = Visitor(base), Visitor(base)
        self.course, self.examples = course, examples
        self.administrator = administrator
        self.prompt, self.zero = baselines.good(course, PROMPT.name), baselines.weak(course, PROMPT.name)
        self.text, self.test_set = baselines.good(course, FREE_TEXT.name), baselines.good(course, EVALUATE.name)
        self.retrieval, self.steady = baselines.good(examples, RAG.name), baselines.good(examples, PROMPT.name)
        self.methods = baselines.trained(methods)
        qlora = next(choice for choice in self.methods if baselines.method_of(choice) == "qlora")
        self.training = baselines.with_method(qlora, "lora")
        self.sent: dict[str, str] = {}
        self.token = ""

    def steps(self) -> Iterator[tuple[str, Callable[[], str]]]:
        """Yields the steps in an order that keeps at most two submissions open, and trains while the rest is done."""
        yield "lessons as a visitor", self.read_lessons
        yield "sign up", self.sign_up
        yield "run on public samples", self.run_prompt
        yield "submit a training run", lambda: self.submit("training", self.training)
        yield "cancel a waiting training run", self.cancel
        yield "submit few-shot prompt", lambda: self.submit("few-shot", self.prompt)
        yield "  its events and score", lambda: self.settled("few-shot", self.prompt, QUICK)
        yield "submit weak prompt", lambda: self.submit("weak", self.zero)
        yield "  its events and score", lambda: self.settled("weak", self.zero, QUICK)
        yield "submit a retrieval", lambda: self.submit("retrieval", self.retrieval)
        yield "  its events and score", lambda: self.settled("retrieval", self.retrieval, QUICK)
        yield "submit a prompt in three orders", lambda: self.submit("steady", self.steady)
        yield "  its events and score", lambda: self.settled("steady", self.steady, QUICK)
        yield "submit a test set", lambda: self.submit("test set", self.test_set)
        yield "  its events and score", lambda: self.settled("test set", self.test_set, QUICK)
        yield "submit free text", lambda: self.submit("text", self.text)
        yield "  a provisional grade", self.provisional
        yield "staff settles it", self.review
        yield "demo: three panels", self.demo
        yield "search: three panels", self.search
        yield "the training run's events and score", lambda: self.settled("training", self.training, SLOW)
        yield "  its adapter", self.adapter
        for choice in self.methods:
            method = baselines.method_of(choice)
            yield f"submit {method}", partial(self.submit, method, choice)
            yield "  its events and score", partial(self.settled, method, choice, SLOW)
            yield "  what was trained", partial(self.trained, method)
        yield "learning path", self.path
        yield "leaderboard", self.board
        yield "API with a token", self.api
        yield "somebody else sees nothing", self.strangers

    def close(self) -> None:
        self.learner.close()
        self.staff.close()

    def read_lessons(self) -> str:
        first = self.course.lessons[0]
        expect(f"/lessons/{first.id}/" in self.learner.read("/"), f"the home page does not lead to {first.id}")
        for lesson in self.course.lessons:
            page = self.learner.read(f"/lessons/{lesson.id}/{'one-page/' if lesson.lesson.steps else ''}")
            missing = [c.challenge.id for c in lesson.challenges if f"/challenges/{c.challenge.id}/" not in page]
            expect(not missing, f"the lesson {lesson.id} does not link {', '.join(missing)}")
        return f"{len(self.course.lessons)} read, with {len(self.course.challenges)} challenges"

    def sign_up(self) -> str:
        fields = {"email": "learner@example.org", "password1": secrets.token_urlsafe(16)}
        self.learner.submit("/accounts/signup/", "/accounts/signup/", fields)
        expect("/accounts/logout/" in self.learner.read("/profile/"), "nobody is logged in afterwards")
        return fields["email"]

    def run_prompt(self) -> str:
        page = f"/challenges/{self.prompt.slug}/?kind=prompt"
        answer = self.learner.submit(page, f"/challenges/{self.prompt.slug}/run", self.prompt.fields())
        uuid = uuid_in(str(answer.url))
        self.learner.follow(f"/runs/{uuid}/events", QUICK)
        run = self.learner.api(f"/runs/{uuid}")
        expect(run["status"] == "scored", f"the run is {run['status']}: {run.get('error')}")
        rows = run["result"]["public"]["rows"]
        expect(len(rows) == len(self.prompt.bundle.public), f"{len(rows)} rows shown")
        return f"{sum(bool(row['correct']) for row in rows)} of {len(rows)} rows right"

    def submit(self, name: str, choice: Choice) -> str:
        kind = choice.baseline.payload.kind
        page = f"/challenges/{choice.slug}/?kind={kind}"
        answer = self.learner.submit(page, f"/challenges/{choice.slug}/submit", choice.fields(), choice.files())
        self.sent[name] = uuid_in(str(answer.url))
        return choice.name

    def settled(self, name: str, choice: Choice, seconds: float) -> str:
        """Reads the events to their end, then checks that the score is within the baseline's bounds."""
        events = self.learner.follow(f"/submissions/{self.sent[name]}/events", seconds)
        found = self.outcome(name)
        expect(found["status"] == "scored", f"it is {found['status']}: {found.get('error')}")
        broken = choice.promise_broken(found["score"])
        expect(not broken, broken)
        passed = found["verdict"] == "passed"
        expect(passed == (choice.passes and choice.bundle.challenge.pass_ <= found["score"]), f"{found['verdict']}")
        return f"score {found['score']:.2f}, {found['verdict']}; {told(events)}"

    def outcome(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.learner.api(f"/submissions/{self.sent[name]}")
        return found

    def cancel(self) -> str:
        before = self.learner.api(f"/challenges/{self.training.slug}")["attempts_left"]
        self.submit("cancelled", self.training)
        page = f"/submissions/{self.sent['cancelled']}/"
        self.learner.submit(page, f"{page}cancel", {})
        self.learner.follow(f"{page}events", QUICK)
        found = self.outcome("cancelled")
        expect(found["status"] == "cancelled", f"it is {found['status']}")
        after = self.learner.api(f"/challenges/{self.training.slug}")["attempts_left"]
        expect(after == before, f"{before} attempts before, {after} after: it was not given back")
        return f"given back: {after} attempts left"

    def provisional(self) -> str:
        events = self.learner.follow(f"/submissions/{self.sent['text']}/events", QUICK)
        found = self.outcome("text")
        expect(found["status"] == "review", f"without a judge it is {found['status']}: {found.get('error')}")
        expect(found.get("verified_by") is None, "a provisional grade says that it is verified")
        return f"waits for a person; {told(events)}"

    def review(self) -> str:
        email, password = self.administrator()
        self.staff.submit("/accounts/login/", "/accounts/login/", {"login": email, "password": password})
        waiting = re.search(r'href="(/reviews/\d+/)"', self.staff.read("/reviews/"))
        if waiting is None:
            raise MismatchError("the queue of reviews is empty")
        page = waiting.group(1)
        marks = visitor.names(self.staff.read(page), "mark-")
        expect(len(marks) == len(free_text(self.text.bundle.challenge).rubric), f"{len(marks)} criteria on the page")
        self.staff.submit(page, page, {"action": "decide", "reason": "Smoke run", **dict.fromkeys(marks, "met")})
        found = self.outcome("text")
        expect(found["status"] == "scored" and found["verified_by"] == "person", f"afterwards: {found['status']}")
        expect(found["score"] == 1.0 and found["verdict"] == "passed", f"all marks met give {found['score']}")
        return "person-verified, score 1.00"

    def demo(self) -> str:
        """Asks the demo of the first lesson that has one."""
        demos = {lesson.id: lesson.lesson.demo for lesson in self.course.lessons}
        found = next(((name, demo.chips[0]) for name, demo in demos.items() if demo), None)
        return self.ask(found, "demo")

    def search(self) -> str:
        """Looks something up in the first lesson that can do that; the examples have one if the course has none."""
        lessons = (*self.course.lessons, *self.examples.lessons)
        searches = {lesson.id: lesson.lesson.retriever for lesson in lessons}
        found = next(((name, search.chips[0]) for name, search in searches.items() if search), None)
        return self.ask(found, "retriever")

    def ask(self, found: tuple[str, str] | None, what: str) -> str:
        """Sends a text to the demo or the search of a lesson, and waits for its three panels."""
        if found is None:
            raise MismatchError(f"no lesson has a {what}")
        lesson, text = found
        answer = self.learner.submit(f"/lessons/{lesson}/", f"/lessons/{lesson}/{what}/", {"text": text})
        runs = re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", str(answer.url))
        expect(len(runs) == 3, f"{len(runs)} panels")
        for uuid in runs:
            self.learner.follow(f"/runs/{uuid}/events", QUICK)
            status = self.learner.api(f"/runs/{uuid}")["status"]
            expect(status == "scored", f"a panel is {status}")
        self.learner.read(answer.url.path)
        return f"“{text[:40]}”"

    def adapter(self) -> str:
        answer = self.learner.http.get(f"/submissions/{self.sent['training']}/artifact")
        expect(answer.status_code == 200, f"the adapter answers {answer.status_code}")
        found = set(zipfile.ZipFile(io.BytesIO(answer.content)).namelist())
        expect(found >= ADAPTER, f"the zip holds {', '.join(sorted(found))}")
        return f"{len(answer.content) / 1e6:.1f} MB, {len(found)} files"

    def trained(self, method: str) -> str:
        """An adapter can be downloaded; a whole model only where the site keeps it, which it does not by default."""
        answer = self.learner.http.get(f"/submissions/{self.sent[method]}/artifact")
        expect(answer.status_code == (404 if method == "full" else 200), f"the artefact answers {answer.status_code}")
        if method == "full":
            return "deleted after grading"
        found = set(zipfile.ZipFile(io.BytesIO(answer.content)).namelist())
        expect(found >= ADAPTER, f"the zip holds {', '.join(sorted(found))}")
        expect(("quantisation.json" in found) == (method == "qlora"), "the zip does not say what the base is")
        return f"{len(answer.content) / 1e6:.1f} MB, {len(found)} files"

    def path(self) -> str:
        page = html.unescape(self.learner.read("/path/"))
        missing = [one.challenge.title for one in self.course.challenges if one.challenge.title not in page]
        expect(not missing, f"the path does not show {', '.join(missing)}")
        expect("passed" in page.lower(), "the path shows nothing as passed")
        return f"{len(self.course.challenges)} steps"

    def board(self) -> str:
        for choice in (self.prompt, self.training):
            track = choice.baseline.payload.kind
            self.learner.read(f"/leaderboards/{choice.slug}/?track={track}")
            board = self.learner.api(f"/challenges/{choice.slug}/leaderboard?track={track}")
            expect(board["mine"] is not None, f"my row is not on {choice.slug}, {track}")
            expect(not choice.promise_broken(board["mine"]["score"]), f"the board shows {board['mine']['score']}")
        return "my rows on two tracks"

    def api(self) -> str:
        answer = self.learner.submit("/profile/", "/profile/tokens/", {"name": "smoke"})
        secret = re.search(r"gradus_[\w-]{20,}", answer.text)
        if secret is None:
            raise MismatchError("the profile page shows no token")
        listed = self.learner.api("/submissions", token=secret.group())
        states = {item["uuid"]: item["status"] for item in listed}
        expect(set(states) == set(self.sent.values()), f"{len(states)} submissions listed, {len(self.sent)} sent")
        return f"{len(states)} submissions listed"

    def strangers(self) -> str:
        stranger = Visitor(str(self.learner.http.base_url))
        try:
            for uuid in self.sent.values():
                for path in (f"/submissions/{uuid}/", f"/submissions/{uuid}/events", f"/submissions/{uuid}/artifact"):
                    status = stranger.http.get(path).status_code
                    expect(status == 404, f"{path} answers {status} to a stranger")
            led_to = stranger.http.get("/reviews/", follow_redirects=False).headers.get("Location", "")
            expect(led_to.startswith("/accounts/login/"), "a stranger is not led from the reviews to the sign-in")
        finally:
            stranger.close()
        return "404 everywhere, and the reviews lead to the sign-in"


def uuid_in(address: str) -> str:
    found = UUID.search(address)
    if found is None:
        raise MismatchError(f"led to {address}")
    return found.group(1)


def told(events: list[Event]) -> str:
    """Returns how many events of each type came."""
    kinds = [kind for kind, _ in events if kind not in ("state", "heartbeat")]
    counts = {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}
    return ", ".join(f"{count} {kind}" for kind, count in counts.items())
