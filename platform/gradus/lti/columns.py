"""Keeps the columns of a platform's gradebook to which grades are sent, and what operators read of a wrong one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import timedelta
from urllib.parse import urlsplit

from django.db import transaction
from django.urls import resolve
from django.utils import timezone
from django.utils.translation import gettext as _

from gradus import outgoing
from gradus.accounts import staff_actions as staff
from gradus.accounts.models import StaffAction, User
from gradus.classes.models import Class, Member
from gradus.lti.messages import Message
from gradus.lti.models import REFUSAL_CHARS, Context, Delivery, Deployment, LineItem, Platform
from gradus.refusal import Refused

# What was refused is noted for operators at most this often.
NOTED_EVERY = timedelta(seconds=10)


def hosts_of(platform: Platform) -> set[str]:
    """Returns the hosts to which this site sends the platform's access token."""
    own = (platform.issuer, platform.auth_url, platform.token_url, platform.keys_url)
    return {*(urlsplit(one).hostname or "" for one in own), *platform.hosts.lower().split()} - {""}


def problem_of(platform: Platform, url: str) -> str:
    """Returns why no grade may go to this address of the platform, or ""."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        host = ""
    if outgoing.problem_of(url) or host not in hosts_of(platform):
        said = _(
            "Grades would go to %(host)s, which is not a host of this platform. If it is, add it to its addresses."
        )
        return said % {"host": host or "-"}
    return ""


def note(of_class: Class, platform: Platform, message: Message) -> None:
    """Keeps the column of a link to a challenge. Where the link leads elsewhere now, its grades are those of that."""
    match = resolve(message.target)
    challenge = of_class.course.challenges.filter(slug=match.kwargs.get("slug", "")).first()
    if match.view_name != "learn:challenge" or challenge is None:
        return
    if said := problem_of(platform, message.line_item):
        note_fault(platform, said)
        return
    context = Context.objects.get(of_class=of_class)
    item, is_new = LineItem.objects.get_or_create(
        url=message.line_item, defaults={"context": context, "challenge": challenge}
    )
    if item.context.deployment.platform_id != platform.pk:
        note_fault(platform, _("Grades would go to a column of another platform."))
    elif not is_new and (item.context_id, item.challenge_id) != (context.pk, challenge.pk):
        LineItem.objects.filter(pk=item.pk).update(context=context, challenge=challenge, looked_at=None)


def note_fault(platform: Platform, said: str) -> None:
    now = timezone.now()
    before = Platform.objects.filter(pk=platform.pk).exclude(refused_at__gt=now - NOTED_EVERY)
    before.update(refused_at=now, refusal=said[:REFUSAL_CHARS])


def deliveries_of(of_class: Class, members: Collection[int]) -> dict[tuple[int, int], list[Delivery]]:
    """Returns what was sent of the grades of these members, by the keys of the member and the challenge."""
    if getattr(of_class, "context", None) is None:
        return {}
    found: dict[tuple[int, int], list[Delivery]] = defaultdict(list)
    rows = Delivery.objects.filter(line_item__context__of_class=of_class, link__user__memberships__in=members)
    related = ("line_item__context__deployment__platform", "link")
    by_user = dict(Member.objects.filter(pk__in=members, user__isnull=False).values_list("user_id", "pk"))
    for row in rows.select_related(*related).order_by("pk"):
        found[by_user[row.link.user_id], row.line_item.challenge_id].append(row)
    return dict(found)


def recall(context: Context) -> None:
    """Has the platform take back the grades of a class that its course is no longer. What was never sent goes."""
    found = Delivery.objects.filter(line_item__context=context)
    found.filter(stamp=0).delete()
    found.update(wanted={}, tries=0)
    # A grade that is being sent arrives first, and is taken back after that.
    found.filter(body__isnull=True).update(state=Delivery.State.WAITING, due_at=timezone.now(), fault="")
    # For people who are in the new class too, the next comparison finds their grade there before anything is sent.
    context.line_items.update(looked_at=None)


def refuse_closed(deployment: Deployment) -> None:
    """Raises `Refused` (409) where nothing is sent to the platform, and nothing asked of it."""
    if not deployment.is_open:
        said = _("The platform is switched off here, or its deployment is not approved.")
        raise Refused("platform_closed", said, 409)


@transaction.atomic
def send_again(of_class: Class, member: Member, found: list[Delivery], *, by: User) -> None:
    """Has these grades sent at once, whatever is known of them, and ends the rest of their platform.

    Raises:
        Refused: 409, nothing is sent to the platform.
    """
    # A class is one course of one platform.
    refuse_closed(found[0].line_item.context.deployment)
    about = {"class": of_class.pk, "member": member.pk, "challenge": found[0].line_item.challenge.slug}
    staff.note(StaffAction.What.GRADE_SENT, member, by=by, **about)
    keys = [one.pk for one in found]
    now = timezone.now()
    Delivery.objects.filter(pk__in=keys).update(
        state=Delivery.State.WAITING, delivered=None, due_at=now, tries=0, fault=""
    )
    Platform.objects.filter(deployments__contexts__line_items__deliveries__in=keys).update(
        rests=0, rest_until=None, rest_fault=""
    )
