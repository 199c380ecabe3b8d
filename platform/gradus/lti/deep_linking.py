"""Deep linking: an instructor picks pages of the class's course here, and the platform makes links to them.

The platform's request is a launch whose message waits until the pick is answered, so that it is answered once, by the
browser that began it. Nobody is signed in by it.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from django.urls import reverse
from django.utils.translation import gettext as _

from gradus import outgoing
from gradus.accounts.token_rules import LearnerData
from gradus.classes.models import Class
from gradus.courses import catalogue
from gradus.gradebook import points, queries
from gradus.lti import columns
from gradus.lti.messages import CLAIM, Message, is_complete_text
from gradus.lti.models import URL_CHARS, Platform
from gradus.refusal import Refused

# How long a pick may take, and how long the platform has to take its answer.
SECONDS, ANSWER_SECONDS = 3600, 300
DATA_CHARS = 8000
LINK = "ltiResourceLink"
DEEP = "https://purl.imsglobal.org/spec/lti-dl/claim/"
ANSWER = "LtiDeepLinkingResponse"


@dataclass(frozen=True)
class Asked:
    """What the platform takes: several links or one, columns of grades, links that open a window."""

    return_url: str
    several: bool = False
    columns: bool = True
    window: bool = False
    data: str | None = None


@dataclass(frozen=True)
class Item:
    """A page that can be picked. `worth` is in points, of a challenge that can have a column in a gradebook."""

    key: str
    title: str
    summary: str
    path: str
    kind: str
    worth: Decimal | None = None

    @property
    def plural(self) -> int:
        """The number that decides between "point" and "points"."""
        return 1 if self.worth == 1 else 2


@dataclass(frozen=True)
class Group:
    """A lesson and its challenges, or the course alone."""

    title: str
    items: tuple[Item, ...]


def asked(platform: Platform, message: Message) -> Asked:
    """Returns what a request for deep linking asks for.

    Raises:
        Refused: 403, the person does not teach the course, or the answer would go to a foreign host; 422, the platform
            takes no links.
    """
    if message.learner_data != LearnerData.EDITOR:
        said = _("Only a teacher of the course can choose pages for it.")
        raise Refused("pick_not_allowed", said, 403)
    given = message.asks or {}
    url = given.get("deep_link_return_url")
    host = (urlsplit(url).hostname or "") if isinstance(url, str) and not outgoing.problem_of(url) else ""
    if not isinstance(url, str) or not host or len(url) > 4 * URL_CHARS:
        raise Refused("pick_incomplete", _("The platform does not say where the chosen links go."), 422)
    if host not in columns.hosts_of(platform):
        said = _("The chosen links would go to %(host)s, which is not a host of this platform.")
        raise Refused("pick_foreign", said % {"host": host}, 403)
    types = given.get("accept_types")
    if not isinstance(types, list) or LINK not in types:
        said = _("The platform takes no links of LTI here, and this site has nothing else to give.")
        raise Refused("pick_no_links", said, 422)
    data = given.get("data")
    if data is not None and not (is_complete_text(data) and len(data) <= DATA_CHARS):
        raise Refused("pick_incomplete", _("The platform's data for its own use cannot be sent back."), 422)
    targets = given.get("accept_presentation_document_targets")
    return Asked(
        return_url=url,
        several=given.get("accept_multiple") is True,
        columns=given.get("accept_lineitem") is not False,
        window=isinstance(targets, list) and "window" in targets,
        data=data,
    )


def stored(found: Asked) -> dict[str, Any]:
    return asdict(found)


def offered(of_class: Class) -> list[Group]:
    """Returns what can be picked for a class: its course, its lessons and their challenges, in their order."""
    course = next((one for one in catalogue.live().courses if one.pk == of_class.course_id), None)
    if course is None:
        return []
    worths = queries.worths_of(of_class)
    page = reverse("learn:course", args=[course.slug])
    found = [Group("", (Item(f"course:{course.slug}", course.title, course.summary, page, "course"),))]
    for lesson in course.current_lessons:
        page = reverse("learn:lesson", args=[lesson.slug])
        items = [Item(f"lesson:{lesson.slug}", lesson.title, lesson.summary, page, "lesson")]
        for one in lesson.current_challenges:
            page = reverse("learn:challenge", args=[one.slug])
            worth = worths.get(one.pk, points.WORTH)
            items.append(Item(f"challenge:{one.slug}", one.title, "", page, "challenge", worth if worth > 0 else None))
        found.append(Group(lesson.title, tuple(items)))
    return found


def matching(groups: list[Group], text: str, chosen: Collection[str]) -> list[Group]:
    """Returns what has all words of a search in its title, its summary or its lesson's title, and what is chosen."""
    words = text.casefold().split()

    def shown(group: Group) -> Iterator[Item]:
        for one in group.items:
            content = f"{group.title} {one.title} {one.summary}".casefold()
            if one.key in chosen or all(word in content for word in words):
                yield one

    found = [Group(group.title, tuple(shown(group))) for group in groups]
    return [group for group in found if group.items]


def chosen_of(groups: list[Group], keys_given: Collection[str]) -> list[Item]:
    return [one for group in groups for one in group.items if one.key in keys_given]


def answer(
    platform: Platform, message: Message, items: Collection[Item], site: str, *, with_columns: bool
) -> dict[str, Any]:
    """Returns the claims of the answer with these links. Without an item, it says that nothing was chosen."""
    found, now = Asked(**(message.asks or {})), int(time.time())
    claims = {
        "iss": platform.client_id,
        "aud": platform.issuer,
        "iat": now,
        "exp": now + ANSWER_SECONDS,
        "nonce": secrets.token_urlsafe(24),
        f"{CLAIM}deployment_id": message.deployment,
        f"{CLAIM}message_type": ANSWER,
        f"{CLAIM}version": "1.3.0",
        f"{DEEP}content_items": [_link(one, site, found, with_columns) for one in items],
    }
    if found.data is not None:
        claims[f"{DEEP}data"] = found.data
    return claims


def _link(item: Item, site: str, found: Asked, with_columns: bool) -> dict[str, Any]:
    link: dict[str, Any] = {
        "type": LINK,
        "title": item.title,
        "url": f"{site}{item.path}",
        # Where a platform gives all links one address, the launch finds the page by this.
        "custom": {"gradus_path": item.path},
    }
    if item.summary:
        link["text"] = item.summary
    if found.window:
        link["window"] = {"targetName": "_blank"}
    if with_columns and found.columns and item.worth is not None:
        link["lineItem"] = {
            "label": item.title,
            "scoreMaximum": float(item.worth),
            "resourceId": item.key,
            "tag": "challenge",
        }
    return link
