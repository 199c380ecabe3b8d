"""The page of a chat in a browser: answers that come token by token, and what else each token could have been."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from gradus.chats.models import ChatMessage
from gradus.submissions import services
from gradus.submissions.models import Submission
from tests import factories

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def attempt(ada, course) -> Submission:
    return factories.trained(ada)


def end(message: ChatMessage) -> None:
    evaluation = message.run.current
    services.record(evaluation.pk, evaluation.fence, services.Outcome(result={"chat": factories.CHAT}))


def test_answers_come_token_by_token(ada, attempt, visit):
    page = visit(ada)
    page.goto(f"/submissions/{attempt.uuid}/chat/")
    page.get_by_label("Your text").fill("a heron over the bay")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("You are next.")).to_be_visible()
    message = ChatMessage.objects.get()
    evaluation = factories.claimed(message.run)
    base = page.locator('[data-tokens="base"]')
    for tokens in (["Her"], ["Her", "ons\n"]):
        services.append_events(evaluation.pk, evaluation.fence, [("written", {"stage": "base", "tokens": tokens})])
        expect(base.locator(".token")).to_have_text([text.replace("\n", "↵") for text in tokens])
    # What was written stays after a reload.
    page.reload()
    expect(base.locator(".token")).to_have_count(2)
    end(message)
    expect(page.locator("#chat-status")).to_have_text("Both models have answered.")
    expect(page.locator('[data-tokens="trained"]')).to_contain_text("sky, of course")

    # One tab stop for all tokens of an answer; arrow keys lead on, and Enter shows the rivals.
    chips = page.locator('[data-tokens="trained"] button')
    assert chips.evaluate_all("all => all.map((one) => one.tabIndex)") == [0, -1]
    chips.first.focus()
    page.keyboard.press("ArrowRight")
    expect(chips.nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    rivals = page.locator('[data-rivals-of="trained"]')
    expect(rivals).to_contain_text("“, of course” had a probability of 0.50.")
    expect(rivals.locator(".meter")).to_contain_text([", of course", "(end of the answer)"])
    page.keyboard.press("Enter")
    expect(rivals).to_be_empty()
