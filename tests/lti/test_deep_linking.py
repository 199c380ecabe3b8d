"""An instructor picks pages for the platform's course. The answer is signed, goes to the platform, and goes once."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.test import Client
from django.utils import timezone

from gradus.accounts.models import User
from gradus.classes.models import Class
from gradus.lti.browsers import COOKIE
from gradus.lti.deep_linking import DEEP, LINK
from gradus.lti.models import Launch, Link, Platform
from tests.lti.platform import ASSISTANT, CLAIM, CLIENT, ISSUER, LEARNER, SITE, TEACHER, Moodle, begin, launch, take

BACK = f"{ISSUER}/mod/lti/contentitem_return.php?course=7&id=1"
SETTINGS = {
    "deep_link_return_url": BACK,
    "accept_types": [LINK, "link"],
    "accept_presentation_document_targets": ["frame", "iframe", "window"],
    "accept_multiple": True,
    "data": "42 & <more>",
}
FRAME = {"Sec-Fetch-Dest": "iframe"}


def asking(roles: tuple[str, ...] = (TEACHER,), **settings: Any) -> dict[str, Any]:
    """The claims of a request for deep linking; None takes a setting away."""
    given = {name: value for name, value in {**SETTINGS, **settings}.items() if value is not None}
    claims = {"message_type": "LtiDeepLinkingRequest", "resource_link": None, "roles": list(roles)}
    return {**claims, "target_link_uri": f"{SITE}/lti/pick", f"{DEEP}deep_linking_settings": given}


def picking(client: Client, moodle: Moodle, **settings: Any) -> str:
    """Begins a pick in this browser. Returns the address of its page."""
    asked = begin(client, moodle)
    answer = take(client, asked["state"], moodle.token(asked["nonce"], **asking(**settings)))
    assert answer.status_code == 303, answer.content.decode()
    return str(answer["Location"])


def sent(client: Client, page: str, *items: str, **form: str) -> Any:
    return client.post(page, {"action": "send", "item": items, **form})


def answered(page: Any) -> dict[str, Any]:
    """What the platform reads in the answer, with the key that this site publishes."""
    assert page.status_code == 200, page.content.decode()
    found = re.search(r'action="([^"]+)".*?name="JWT" value="([^"]+)"', page.content.decode(), re.S)
    assert found and html.unescape(found[1]) == BACK
    (key,) = jwt.PyJWKSet.from_dict(Client().get("/lti/keys.json").json()).keys
    assert jwt.get_unverified_header(found[2])["kid"] == key.key_id
    claims: dict[str, Any] = jwt.decode(found[2], key, algorithms=["RS256"], audience=ISSUER, issuer=CLIENT)
    return claims


def test_a_teacher_picks_a_lesson_and_a_challenge_with_a_column(
    moodle: Moodle, of_class: Class, visitor: Client, ada: User
) -> None:
    challenge = of_class.course.challenges.get(slug="sea-or-sky")
    page = picking(visitor, moodle)
    shown = visitor.get(page)
    text = shown.content.decode()
    assert shown.status_code == 200 and "Models of language" in text and text.count('type="checkbox"') == 6
    assert "csrfmiddlewaretoken" not in text and shown["Referrer-Policy"] == "same-origin"
    back = sent(visitor, page, "lesson:first", "challenge:sea-or-sky", columns="on")
    assert "form-action 'self' https://moodle.example.org" in back["Content-Security-Policy"].replace(";", "")
    claims = answered(back)
    assert claims["exp"] - claims["iat"] == 300 and claims["nonce"]
    assert {name: claims[CLAIM + name] for name in ("deployment_id", "message_type", "version")} == {
        "deployment_id": "1",
        "message_type": "LtiDeepLinkingResponse",
        "version": "1.3.0",
    }
    assert claims[f"{DEEP}data"] == "42 & <more>"
    lesson, link = claims[f"{DEEP}content_items"]
    assert (lesson["url"], lesson["custom"]) == (f"{SITE}/lessons/first/", {"gradus_path": "/lessons/first/"})
    assert lesson["window"] == {"targetName": "_blank"} and "lineItem" not in lesson
    assert (link["type"], link["title"]) == (LINK, challenge.title)
    assert link["lineItem"] == {
        "label": challenge.title,
        "scoreMaximum": 10.0,
        "resourceId": "challenge:sea-or-sky",
        "tag": "challenge",
    }
    # Nobody was signed in, and the link that comes of it works.
    assert "_auth_user_id" not in visitor.session and not Link.objects.exists() and not of_class.members.exists()
    assert Platform.objects.get().launched_at is not None
    made = {"target_link_uri": link["url"], "custom": link["custom"]}
    assert launch(Client(), moodle, **made)["Location"] == "/challenges/sea-or-sky/"


def test_each_request_is_answered_once(moodle: Moodle, of_class: Class, visitor: Client) -> None:
    page = picking(visitor, moodle)
    assert answered(sent(visitor, page, "course:tiny"))[f"{DEEP}content_items"][0]["url"] == f"{SITE}/courses/tiny/"
    for again in (sent(visitor, page, "lesson:first"), visitor.get(page)):
        assert again.status_code == 410 and "used already, or it is too old" in again.content.decode()
    assert Launch.objects.get().message is None


def test_who_chooses_nothing_goes_back(moodle: Moodle, of_class: Class, visitor: Client) -> None:
    page = picking(visitor, moodle, data=None)
    missing = sent(visitor, page)
    text = missing.content.decode()
    assert missing.status_code == 422 and text.count('aria-describedby="pick-fault"') == 5
    assert "Choose a page, or go back" in text[text.index('class="pick-end"') :]
    assert sent(visitor, page, "challenge:another", "evil").status_code == 422
    claims = answered(visitor.post(page, {"action": "nothing", "item": ["lesson:first"]}))
    assert claims[f"{DEEP}content_items"] == [] and f"{DEEP}data" not in claims


def test_what_the_platform_takes_is_what_it_gets(moodle: Moodle, of_class: Class, visitor: Client) -> None:
    settings = {"accept_multiple": None, "accept_lineitem": False, "accept_presentation_document_targets": ["iframe"]}
    page = picking(visitor, moodle, **settings)
    text = visitor.get(page).content.decode()
    assert text.count('type="radio"') == 5 and 'type="checkbox"' not in text
    two = sent(visitor, page, "lesson:first", "course:tiny", columns="on")
    assert two.status_code == 422 and "takes one page" in two.content.decode()
    (link,) = answered(sent(visitor, page, "challenge:sea-or-sky", columns="on"))[f"{DEEP}content_items"]
    assert "lineItem" not in link and "window" not in link
    page = picking(visitor, moodle)
    (link,) = answered(sent(visitor, page, "challenge:sea-or-sky"))[f"{DEEP}content_items"]
    assert "lineItem" not in link


def test_a_search_keeps_what_is_chosen(moodle: Moodle, of_class: Class, visitor: Client) -> None:
    page = picking(visitor, moodle)

    def found(search: str, *chosen: str) -> list[str]:
        text = visitor.post(page, {"action": "search", "search": search, "item": chosen}).content.decode()
        return re.findall(r'name="item"\s+value="([^"]+)"', text)

    title = of_class.course.challenges.get(slug="explain").title
    assert found(title.upper()) == ["challenge:explain"]
    assert found(title, "lesson:first") == ["lesson:first", "challenge:explain"]
    assert found("no such words") == [] and len(found(" ")) == 5


@pytest.mark.parametrize("roles", [(LEARNER,), (), (ASSISTANT, TEACHER), ("Learner",)])
def test_who_does_not_teach_picks_nothing(
    moodle: Moodle, of_class: Class, visitor: Client, roles: tuple[str, ...]
) -> None:
    page = launch(visitor, moodle, **asking(roles))
    assert page.status_code == 403 and "Only a teacher" in page.content.decode()
    assert not Launch.objects.exists()


@pytest.mark.parametrize(
    ("given", "status", "said"),
    [
        ({"deep_link_return_url": "https://evil.example.org/return"}, 403, "evil.example.org, which is not a host"),
        ({"deep_link_return_url": "https://moodle.example.org.evil.org/"}, 403, "not a host of this platform"),
        ({"deep_link_return_url": "http://moodle.example.org/return"}, 422, "where the chosen links go"),
        ({"deep_link_return_url": "javascript:alert(1)"}, 422, "where the chosen links go"),
        ({"deep_link_return_url": "https://moodle.example.org@evil.org/"}, 422, "where the chosen links go"),
        ({"deep_link_return_url": None}, 422, "where the chosen links go"),
        ({"deep_link_return_url": ["https://moodle.example.org"]}, 422, "where the chosen links go"),
        ({"deep_link_return_url": f"{ISSUER}/{'a' * 3000}"}, 422, "where the chosen links go"),
        ({"accept_types": ["file", "html"]}, 422, "takes no links of LTI"),
        ({"accept_types": None}, 422, "takes no links of LTI"),
        ({"accept_types": LINK}, 422, "takes no links of LTI"),
        ({"data": {"a": 1}}, 422, "cannot be sent back"),
        ({"data": "a" * 9000}, 422, "cannot be sent back"),
        ({"data": "a\x00b"}, 422, "cannot be sent back"),
    ],
)
def test_a_request_that_cannot_be_answered_says_so(
    moodle: Moodle, of_class: Class, visitor: Client, given: dict[str, Any], status: int, said: str
) -> None:
    page = launch(visitor, moodle, **asking(**given))
    assert page.status_code == status and said in page.content.decode()
    assert not Launch.objects.exists()


def test_a_request_without_settings_or_from_a_new_course_is_refused(
    moodle: Moodle, of_class: Class, visitor: Client
) -> None:
    page = launch(visitor, moodle, **{**asking(), f"{DEEP}deep_linking_settings": None})
    assert page.status_code == 400 and "which links the platform takes" in page.content.decode()
    assert launch(visitor, moodle, **asking(), context={"id": "8"}).status_code == 409
    assert launch(visitor, moodle, **asking(), deployment_id="2").status_code == 403


def test_another_host_of_the_platform_is_named_by_an_operator(moodle: Moodle, of_class: Class, visitor: Client) -> None:
    Platform.objects.update(hosts="school.example.org")
    back = "https://school.example.org/return"
    page = sent(visitor, picking(visitor, moodle, deep_link_return_url=back), "course:tiny")
    assert f'action="{back}"' in page.content.decode()


def test_another_browser_picks_nothing(moodle: Moodle, of_class: Class, visitor: Client, ada_client: Client) -> None:
    page = picking(visitor, moodle)
    begin(ada_client, moodle)
    for client in (ada_client, Client()):
        assert client.get(page).status_code == 403
        assert sent(client, page, "course:tiny").status_code == 403
    # Nor does the message of a pick sign anybody in, nor that of a launch pick anything.
    secret = page.partition("?")[2]
    assert visitor.get(f"/lti/enter?{secret}").status_code == 410 and "_auth_user_id" not in visitor.session
    asked = begin(visitor, moodle)
    entering = take(visitor, asked["state"], moodle.token(asked["nonce"], roles=[TEACHER]))["Location"]
    assert visitor.get(entering.replace("/enter", "/pick")).status_code == 410
    assert visitor.get(entering).status_code == 302 and visitor.get(page).status_code == 200


def test_a_pick_has_an_hour(moodle: Moodle, of_class: Class, visitor: Client) -> None:
    page = picking(visitor, moodle)
    kept = Launch.objects.get()
    assert kept.enter_until - kept.created_at == timedelta(hours=1)
    assert kept.message and not kept.message["sub"] and not kept.message["given_name"]
    assert visitor.get(page).cookies[COOKIE]["max-age"] == 3600
    Launch.objects.update(enter_until=timezone.now())
    old = sent(visitor, page, "course:tiny")
    assert old.status_code == 410 and "too old" in old.content.decode()


def test_a_pick_ends_with_its_platform_or_its_approval(
    moodle: Moodle, of_class: Class, visitor: Client, platform: Platform
) -> None:
    page = picking(visitor, moodle)
    platform.deployments.update(approved_at=None)
    assert sent(visitor, page, "course:tiny").status_code == 403
    platform.deployments.update(approved_at=timezone.now())
    Platform.objects.update(is_open=False)
    assert sent(visitor, page, "course:tiny").status_code == 410


def test_a_pick_works_in_a_frame_by_a_partitioned_cookie(moodle: Moodle, of_class: Class, visitor: Client) -> None:
    given = {"iss": moodle.issuer, "login_hint": "7"}
    there = visitor.get("/lti/login", {**given, "target_link_uri": f"{SITE}/lti/pick"}, headers=FRAME)
    cookie = there.cookies[COOKIE]
    assert there.status_code == 302 and cookie.OutputString().endswith("Path=/lti/; Partitioned; SameSite=None; Secure")
    assert cookie["secure"] and cookie["httponly"] and cookie["samesite"] == "None"
    shown = visitor.get(picking(visitor, moodle), headers=FRAME)
    assert shown.status_code == 200 and "X-Frame-Options" not in shown
    assert "frame-ancestors *" in shown["Content-Security-Policy"]
    # A refusal can be read in the frame, too, without the header of the site.
    refused = visitor.get("/lti/pick?launch=x", headers=FRAME)
    assert refused.status_code == 410 and "X-Frame-Options" not in refused and "<header" not in refused.content.decode()
    # All else goes to a new window, and a link that came here all the same says what is wrong with it.
    assert "new window" in visitor.get("/lti/login", {**given, "target_link_uri": SITE}, headers=FRAME).content.decode()
    asked = begin(visitor, moodle)
    entering = take(visitor, asked["state"], moodle.token(asked["nonce"]))["Location"]
    assert visitor.get(entering, headers=FRAME).status_code == 409
    assert visitor.get(entering).status_code == 302


def test_a_course_that_is_no_longer_published_offers_nothing(moodle: Moodle, of_class: Class, visitor: Client) -> None:
    page = picking(visitor, moodle)
    type(of_class.course).objects.update(is_published=False)
    assert "not published" in visitor.get(page).content.decode()
    assert sent(visitor, page, "course:tiny").status_code == 422
