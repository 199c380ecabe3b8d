"""The moderation of leaderboards in the browser: an entry is found, hidden, answered by its learner, and restored."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from gradus.accounts.models import User
from gradus.courses.models import Challenge, Course
from gradus.reviews.models import Regrade
from gradus.submissions.models import Annulment, Mark, Submission
from gradus.submissions.results import board_decisions as services
from gradus.submissions.results.copying import fingerprints
from gradus.submissions.services import start_run
from tests import factories
from tests.browser.conftest import Visit
from tests.browser.driver.hands import Hand, Keyboard, Mouse
from tests.browser.driver.seen import first_quick, look_all_over
from tests.leaderboards.single_rows import work_off

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
# What a key presses, a click presses: `test_each_kind.py` asks both of the same controls.
hands = first_quick("hand_of", Keyboard, Mouse)
NAMES = ("a gull", "a kite", "a swift", "a puffin", "a heron", "a tern", "a skua", "a crow")
WHY = "The prompt is that of somebody else"


@pytest.fixture
def shore(course: Course) -> Challenge:
    return factories.challenge("sea-or-sky")


@pytest.fixture
def attempt(shore: Challenge, ada: User, bob: User) -> Submission:
    factories.grade(factories.submit(bob), 0.7)
    start_run(ada, shore.version, factories.PROMPT)
    made = factories.submit(ada)
    factories.grade(made, 0.9)
    return made


@hands
def test_an_entry_is_hidden_answered_and_restored(
    attempt: Submission, ada: User, grace: User, visit: Visit, hand_of: type[Mouse | Keyboard]
) -> None:
    page, own = visit(grace), visit(ada)
    staff: Hand = hand_of(page)
    learner: Hand = hand_of(own)
    page.goto("/teach/")
    staff.press("link", "Leaderboard moderation")
    staff.press("link", "Sea or sky")
    staff.press("link", "enchantress")
    expect(page.get_by_role("heading", name="enchantress")).to_be_visible()
    staff.press("button", "Hide this entry")
    expect(page.get_by_text("Write why.")).to_be_visible()
    staff.write("Reason for hiding it, for the learner", WHY)
    staff.press("button", "Hide this entry")
    expect(page.get_by_text("The entry is hidden. Its learner has a notice with the reason.")).to_be_visible()
    own.goto("/leaderboards/sea-or-sky/")
    expect(own.get_by_text(WHY)).to_be_visible()
    learner.write("Your answer", "I wrote it on Monday.")
    learner.press("button", "Send this answer")
    expect(own.get_by_text("Your answer is with the people who run the course.")).to_be_visible()
    page.goto("/teach/boards/")
    staff.press("link", "1 answer that waits")
    staff.press("link", "enchantress")
    expect(page.get_by_text("I wrote it on Monday.").first).to_be_visible()
    staff.press("button", "Restore the entry")
    expect(page.get_by_text("The entry is shown again. Its learner has a notice.")).to_be_visible()
    own.goto("/leaderboards/sea-or-sky/")
    expect(own.get_by_text("Your rank")).to_be_visible()


@hands
def test_an_entry_is_flagged_and_an_attempt_annulled(
    attempt: Submission, ada: User, grace: User, visit: Visit, hand_of: type[Mouse | Keyboard]
) -> None:
    page = visit(grace)
    staff: Hand = hand_of(page)
    page.goto(f"/teach/boards/sea-or-sky/{ada.pk}/")
    staff.write("Note for staff", "Look again")
    staff.press("button", "Flag this entry")
    staff.press("button", "Clear the flag")
    expect(page.get_by_text("The flag is cleared.")).to_be_visible()
    staff.unfold(page.locator(f"#attempt-{attempt.pk} summary", has_text="Annul"))
    staff.write("Reason for annulling it, for the learner", WHY)
    staff.press("button", "Annul this attempt")
    expect(page.get_by_text("The attempt is annulled.")).to_be_visible()
    assert Annulment.objects.get().reason == WHY
    page.get_by_role("button", name="Let it count again").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("The attempt counts again.")).to_be_visible()
    assert not Submission.objects.filter(annulled=True).exists()


@hands
def test_the_attempts_of_a_learner_are_graded_again(
    attempt: Submission, ada: User, grace: User, visit: Visit, hand_of: type[Mouse | Keyboard]
) -> None:
    page = visit(grace)
    staff: Hand = hand_of(page)
    page.goto(f"/teach/boards/sea-or-sky/{ada.pk}/")
    staff.unfold(page.locator(f"#attempt-{attempt.pk} summary", has_text="again"))
    staff.press("button", "Grade this attempt again")
    expect(page.get_by_text("Write why.")).to_be_visible()
    page.goto(f"/teach/boards/sea-or-sky/{ada.pk}/")
    staff.write("Reason for grading again", WHY)
    staff.press("button", "Grade all attempts of this learner again")
    expect(page.get_by_text("1 attempt is graded again.")).to_be_visible()
    work_off(0.4)
    staff.press("link", "Look at it, and approve or discard it")
    expect(page.get_by_text("Only attempts of enchantress.")).to_be_visible()
    staff.press("button", "Discard the new grades")
    staff.press("link", "enchantress")
    expect(page.get_by_text("Discarded by")).to_be_visible()
    assert Regrade.objects.get().learner == ada


@pytest.fixture
def copies(shore: Challenge, ada: User, bob: User) -> list[Submission]:
    """Two attempts of each of two learners with rows, or a text, in common."""
    rows = [{"input": f"{name}, who was seen beside the pier by my aunt in May", "output": "sky"} for name in NAMES]
    text = f"Say where it lives. {' '.join(row['input'] for row in rows[:3])}"
    payloads = (
        {**factories.LORA, "rows": rows},
        {**factories.LORA, "rows": [*rows[:2:-1], {"input": "an eel in a bucket of rain", "output": "sea"}]},
        {**factories.PROMPT, "instructions": text},
        {**factories.PROMPT, "instructions": f"{text} Then say no more, because nobody asked. {'word' * 60}"},
    )
    made = [
        factories.submit(user, payload=payload) for user, payload in zip((ada, bob, ada, bob), payloads, strict=True)
    ]
    fingerprints.carry_out(10)
    return made


@hands
def test_similar_entries_are_compared(
    copies: list[Submission], ada: User, grace: User, visit: Visit, hand_of: type[Mouse | Keyboard]
) -> None:
    page = visit(grace)
    staff: Hand = hand_of(page)
    page.goto(f"/teach/boards/sea-or-sky/{ada.pk}/")
    staff.press("link", "Show both side by side with builder")
    expect(page.get_by_role("heading", name="Two entries side by side")).to_be_visible()
    assert page.locator("mark").count() >= 2
    staff.press("link", "builder")
    expect(page.get_by_role("heading", name="Similar entries of others")).to_be_visible()


def test_nothing_is_wrong_with_the_pages_of_similar_entries(
    copies: list[Submission], ada: User, grace: User, visit: Visit, axe: Axe
) -> None:
    page = visit(grace, reduced_motion="reduce")
    for path in ("", *(f"similar/{own.pk}/{other.pk}/" for own, other in (copies[:2], copies[2:]))):
        page.goto(f"/teach/boards/sea-or-sky/{ada.pk}/{path}")
        for fold in page.locator("main summary").all():
            fold.click()
        look_all_over(page, axe)


# The walk in `look/test_long_texts.py` visits the pages, with marks that nobody has answered.
@pytest.mark.slow
def test_nothing_is_wrong_with_the_pages(
    attempt: Submission, ada: User, bob: User, grace: User, visit: Visit, axe: Axe
) -> None:
    mark = services.mark(ada, attempt.challenge, Mark.Kind.HIDDEN, by=grace, reason=f"{WHY}, {'word ' * 20}")
    services.answer(mark, "It is my own.\n\nI wrote it on Monday.", by=ada)
    services.mark(ada, attempt.challenge, Mark.Kind.FLAG, by=grace, reason="Look again")
    services.annul(bob.submissions.get(), by=grace, reason=WHY)
    shore = "/teach/boards/sea-or-sky/"
    for user, paths in (
        (grace, ["/teach/boards/", shore, f"{shore}?show=annulled", f"{shore}{ada.pk}/", f"{shore}{bob.pk}/"]),
        (ada, ["/leaderboards/sea-or-sky/", "/leaderboards/sea-or-sky/hidden/", "/notices/"]),
        (bob, [f"/submissions/{bob.submissions.get().uuid}/"]),
    ):
        page = visit(user, reduced_motion="reduce")
        for path in paths:
            page.goto(path)
            look_all_over(page, axe)
