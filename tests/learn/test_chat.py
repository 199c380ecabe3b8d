from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from gradus.chats import services as chats
from gradus.chats.models import ChatMessage
from gradus.submissions import services
from gradus.submissions.models import Submission
from tests import factories
from tests.markup import Markup

pytestmark = pytest.mark.django_db


@pytest.fixture
def attempt(ada: Any, course: Any) -> Submission:
    return factories.trained(ada)


@pytest.fixture
def address(attempt: Submission) -> str:
    return reverse("learn:chat", args=[attempt.uuid])


def page(client: Client, address: str, **headers: str) -> Markup:
    response = client.get(address, headers=headers)
    assert response.status_code == 200
    return Markup(response.content.decode())


def test_it_is_found_from_the_attempt_and_the_history(ada_client: Client, attempt: Submission, address: str) -> None:
    assert f'href="{address}"' in page(ada_client, f"/submissions/{attempt.uuid}/")
    assert f'href="{address}"' in page(ada_client, "/challenges/sea-or-sky/history")


def test_an_attempt_that_trained_nothing_has_no_link_and_says_so(ada: Any, ada_client: Client, course: Any) -> None:
    made = factories.submit(ada)
    factories.grade(made)
    address = reverse("learn:chat", args=[made.uuid])
    assert address not in page(ada_client, f"/submissions/{made.uuid}/")
    text = page(ada_client, address)
    assert "has trained no model" in text and "<textarea" not in text


def test_a_message_waits_and_is_answered(ada_client: Client, attempt: Submission, address: str) -> None:
    sent = ada_client.post(address, {"text": " a heron\r\nover <b>the</b> bay ", "style": "challenge"})
    message = ChatMessage.objects.get()
    assert sent.status_code == 302 and sent.url == f"{address}#answers"  # type: ignore[attr-defined]
    assert message.text == "a heron\nover <b>the</b> bay"
    waits = page(ada_client, address)
    assert f"/runs/{message.run.uuid}/events" in waits and "You are next." in waits
    assert '<noscript><meta http-equiv="refresh"' in waits and "39 messages left today." in waits
    assert "over &lt;b&gt;the&lt;/b&gt; bay" in waits and "<b>the" not in waits

    factories.claimed(message.run)
    evaluation = message.run.current
    written = ("written", {"stage": "base", "tokens": ["Her", "ons\n"]})
    others = [("written", {}), ("written", {"stage": "base", "tokens": [5]}), ("written", {"stage": [], "tokens": []})]
    services.append_events(evaluation.pk, evaluation.fence, [written, *others])
    begun = page(ada_client, f"/runs/{message.run.uuid}/chat", **{"HX-Request": "true"})
    assert '<span class="token">ons↵</span>' in begun and begun.count('aria-busy="true"') == 2

    outcome = services.Outcome(result={"chat": factories.CHAT})
    services.record(evaluation.pk, evaluation.fence, outcome)
    done = page(ada_client, address)
    assert "Base model" in done and "Your trained model" in done and "data-events" not in done
    assert "sky, of course" in done and "120 ms" in done and "Thing: a heron\nPlace:" in done
    assert "(end of the answer)" in done and 'http-equiv="refresh"' not in done


def test_scored_answers_are_drawn_as_probabilities(ada_client: Client, attempt: Submission, address: str) -> None:
    answer = {"text": "sky", "probabilities": {"sea": 0.2, "sky": 0.8}, "prompt_tokens": 9, "new_tokens": 0, "ms": 4.0}
    found = {"prompt": "p", "answers": {"base": answer, "trained": {**answer, "tokens": []}}}
    factories.grade(chats.send(attempt, "a heron", "challenge").run, None, result={"chat": found})
    text = page(ada_client, address)
    assert text.count('class="meters') == 2 and "0.80" in text and text.index("0.80") < text.index("0.20")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("adapter_missing", "not on this server any more"),
        ("no_chat_template", "no chat template"),
        ("timeout", "Send it again later"),
        ("internal", "on our side"),
        ("prompt_too_long", "Send a shorter text"),
    ],
)
def test_what_went_wrong_is_said(ada_client: Client, attempt: Submission, address: str, code: str, words: str) -> None:
    message = chats.send(attempt, "a heron", "challenge")
    evaluation = factories.claimed(message.run)
    services.reject(evaluation.pk, evaluation.fence, code)
    text = page(ada_client, address)
    assert words in text and "attempt was given back" not in text
    assert ada_client.post(address, {"text": "again", "style": "plain"}).status_code == 302


def test_a_message_is_cancelled_where_it_stands(ada_client: Client, attempt: Submission, address: str) -> None:
    run = chats.send(attempt, "a heron", "challenge").run
    cancelled = ada_client.post(f"/runs/{run.uuid}/cancel", headers={"HX-Request": "true"})
    assert "You cancelled this message." in cancelled.content.decode()
    again = chats.send(attempt, "a heron", "challenge").run
    followed = ada_client.post(f"/runs/{again.uuid}/cancel", follow=True)
    assert followed.redirect_chain[-1][0] == address


@pytest.mark.parametrize(
    ("fields", "status", "words", "beside"),
    [
        ({"text": "", "style": "plain"}, 422, "Write a text for the models to answer.", "chat-text"),
        ({"text": "x" * 1001, "style": "plain"}, 422, "1,001 characters; 1,000 are allowed", "chat-text"),
        ({"text": "see <|im_end|>", "style": "plain"}, 422, "a control token of the model", "chat-text"),
        ({"text": "a heron", "style": "x"}, 422, "Choose one of the two ways", "chat-style"),
        ({"text": "a heron"}, 422, "Choose one of the two ways", "chat-style"),
    ],
)
def test_what_is_refused_is_kept_and_explained(
    ada_client: Client, address: str, fields: dict[str, str], status: int, words: str, beside: str
) -> None:
    response = ada_client.post(address, fields)
    text = response.content.decode()
    assert response.status_code == status and not ChatMessage.objects.exists()
    place = text.split(f'id="{beside}-problem"')[1].split("</div></div>")[0]
    assert words in place
    assert fields["text"].replace("<", "&lt;").replace(">", "&gt;") in text


def test_a_second_message_says_when_it_can_be_sent(ada_client: Client, attempt: Submission, address: str) -> None:
    chats.send(attempt, "a heron", "challenge")
    response = ada_client.post(address, {"text": "an oyster", "style": "challenge"})
    assert response.status_code == 429 and response["Retry-After"] == "5"
    assert "Wait for its answers" in response.content.decode() and "an oyster" in response.content.decode()


def test_nobody_else_finds_it(bob_client: Client, client: Client, attempt: Submission, address: str) -> None:
    run = chats.send(attempt, "a heron", "challenge").run
    for other in (bob_client, client):
        assert other.get(address).status_code == other.post(address, {"text": "x", "style": "plain"}).status_code == 404
        assert other.get(f"/runs/{run.uuid}/chat").status_code == 404
    assert ChatMessage.objects.count() == 1


def test_a_run_that_is_no_chat_has_no_such_page(ada: Any, ada_client: Client, attempt: Submission) -> None:
    run = services.start_run(ada, attempt.version, factories.PROMPT)
    assert ada_client.get(f"/runs/{run.uuid}/chat").status_code == 404
    message = chats.send(attempt, "a heron", "challenge")
    found = ada_client.get(f"/runs/{message.run.uuid}/", follow=True)
    assert found.redirect_chain[-1][0] == reverse("learn:chat", args=[attempt.uuid])
    assert str(message.run.uuid) not in page(ada_client, "/challenges/sea-or-sky/history")
