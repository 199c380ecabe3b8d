"""Hostile texts as messages of a chat: refused beside the field, or data that the page shows and the model reads."""

from __future__ import annotations

from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from gradus.chats import services as chats
from gradus.chats.models import ChatMessage
from gradus.submissions.models import Submission
from tests import factories
from tests.hostile import texts
from workers.grading.chats import plain_prompt

pytestmark = pytest.mark.django_db
REFUSED = [*texts.CONTROLS, *texts.UNSEEN, *texts.TAGS, *texts.SPECIAL]
TAKEN = [*texts.TEMPLATES, *texts.HTML, *texts.INJECTIONS]


@pytest.fixture
def attempt(ada: Any, course: Any) -> Submission:
    return factories.trained(ada)


def test_what_cannot_be_shown_or_would_steer_the_model_is_refused(attempt: Submission, ada_client: Client) -> None:
    address = reverse("learn:chat", args=[attempt.uuid])
    for text in REFUSED:
        answer = ada_client.post(address, {"text": f"a{text}b", "style": "plain"})
        assert answer.status_code == 422, repr(text)
        assert 'id="chat-text-problem"' in answer.content.decode()
    assert not ChatMessage.objects.exists()


def test_everything_else_is_data(attempt: Submission, ada_client: Client) -> None:
    for text in TAKEN:
        if any(token in text for token in texts.SPECIAL):
            continue
        message = chats.send(attempt, text, "plain")
        assert text.strip() in plain_prompt("smollm2-135m-instruct", message.text)
        found = {**factories.CHAT, "prompt": text}
        said = {"text": text, "tokens": [[text, 0.5, [[text, 0.5]]]]}
        found["answers"] = {stage: {**answer, **said} for stage, answer in factories.CHAT["answers"].items()}
        factories.grade(message.run, None, result={"chat": found})
        shown = ada_client.get(f"/runs/{message.run.uuid}/chat", headers={"HX-Request": "true"}).content.decode()
        assert text in unescape(shown) and ("<" not in text or text not in shown), text
        assert "<script" not in shown and "<img" not in shown and "<svg onload" not in shown, text
        # The day's limit is another test's.
        message.run.delete()
