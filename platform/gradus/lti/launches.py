"""A launch in two steps. The platform's message is checked and stored; then the browser that began it comes in.

The second step is a request of this site's own, so the browser sends its cookies for it also where it keeps them from
requests of other sites. Only the browser that began the launch gets in: a stolen message opens nothing elsewhere, and
nobody is signed in to an account that somebody else's message names.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import urlsplit

from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.urls import Resolver404, resolve, reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _

from gradus.accounts import guests, second_factor
from gradus.accounts.models import User, digest_of
from gradus.accounts.token_rules import LearnerData
from gradus.classes import managed
from gradus.classes.models import Class
from gradus.id_tokens import LEEWAY_SECONDS
from gradus.lti import accounts, advice, columns, deep_linking, rosters
from gradus.lti.messages import STATE_SECONDS, Message, State
from gradus.lti.models import Context, Deployment, Launch, Link, Platform, source_of
from gradus.refusal import Refused

# How long the browser has, which is sent on at once.
ENTER_SECONDS = 120
# A platform's new deployments and courses that wait for an operator, at most.
MOST_WAITING = 200


@dataclass(frozen=True)
class Entered:
    user: User
    path: str


def accept(platform: Platform, state: State, message: Message, host: str) -> str:
    """Stores a message that the platform has signed. Returns the secret with which the browser comes for it.

    Raises:
        Refused: 403, the deployment is not approved; 409, its course is no class here yet, or the message was sent
            before; 422, it leads to a page of another course, or of another site; and what `deep_linking.asked` raises.
    """
    of_class, seconds = class_of(platform, message), ENTER_SECONDS
    if message.asks is None:
        message = replace(message, target=path_of(message.target, of_class, host))
    else:
        asks = deep_linking.stored(deep_linking.asked(platform, message))
        # It signs nobody in, so it needs not know whom.
        message = replace(message, asks=asks, sub="", given_name="", family_name="")
        seconds = deep_linking.SECONDS
    secret, now = secrets.token_urlsafe(32), timezone.now()
    try:
        with transaction.atomic():
            Launch.objects.create(
                platform=platform,
                nonce=state.nonce,
                secret=digest_of(secret),
                browser=state.browser,
                message=message.stored(),
                created_at=now,
                enter_until=now + timedelta(seconds=seconds),
                # After that, `state` is too old.
                expires_at=now + timedelta(seconds=max(seconds, STATE_SECONDS + LEEWAY_SECONDS)),
            )
    except IntegrityError:
        said = _("This message was used already.")
        raise Refused("launch_repeated", said, 409) from None
    return secret


def class_of(platform: Platform, message: Message) -> Class:
    """Returns the class of the launch's course, and notes a deployment or course that is new."""
    deployment = platform.deployments.filter(deployment_id=message.deployment).first()
    if deployment is None:
        _refuse_many(platform.deployments.filter(approved_at=None).count())
        deployment, _new = Deployment.objects.get_or_create(platform=platform, deployment_id=message.deployment)
    if deployment.approved_at is None:
        said = _("The deployment %(id)s of %(platform)s is not approved here yet.")
        raise Refused("deployment_new", said % {"id": deployment, "platform": platform}, 403)
    context = deployment.contexts.select_related("of_class__course").filter(context_id=message.context).first()
    if context is None:
        _refuse_many(deployment.contexts.filter(of_class=None).count())
        context, _new = Context.objects.get_or_create(
            deployment=deployment, context_id=message.context, defaults={"title": message.context_title}
        )
    elif message.context_title and context.title != message.context_title:
        Context.objects.filter(pk=context.pk).update(title=message.context_title)
    if context.of_class is None:
        said = _("The course “%(course)s” of %(platform)s has no class here yet.")
        raise Refused("context_new", said % {"course": context, "platform": platform}, 409)
    return context.of_class


def _refuse_many(waiting: int) -> None:
    if waiting >= MOST_WAITING:
        said = _("Too many deployments or courses of this platform wait for an operator of this site.")
        raise Refused("too_many_waiting", said, 403)


def path_of(target: str, of_class: Class, host: str) -> str:
    """Returns the page to which a launch leads: the class's course, or one of its lessons or challenges.

    Raises:
        Refused: 422, the link leads to another page.
    """
    course = of_class.course
    try:
        parts = urlsplit(target)
        is_here = not parts.scheme and not parts.netloc and target.startswith("/")
        if not is_here and (parts.scheme not in ("http", "https") or parts.netloc != host):
            raise ValueError
        if parts.path in ("", "/", *map(reverse, ("lti:login", "lti:launch", "lti:pick"))):
            return reverse("learn:course", args=[course.slug])
        match = resolve(parts.path)
    except (ValueError, Resolver404):
        said = _("The platform's link leads to %(target)s, which is not a course, lesson or challenge of this site.")
        raise Refused("target_foreign", said % {"target": target[:200] or "-"}, 422) from None
    slug = match.kwargs.get("slug", "")
    is_own = {
        "learn:course": slug == course.slug,
        "learn:lesson": course.lessons.filter(slug=slug).exists(),
        "learn:lesson_step": course.lessons.filter(slug=slug).exists(),
        "learn:challenge": course.challenges.filter(slug=slug).exists(),
    }
    if not is_own.get(match.view_name, False):
        said = _("The platform's link leads to %(target)s, which is not in the course “%(course)s” of this class.")
        raise Refused("target_of_another_course", said % {"target": parts.path[:200], "course": course.title}, 422)
    return parts.path


def over() -> Refused:
    return Refused("launch_over", _("This launch is over: it was used already, or it is too old."), 410)


def waiting(secret: str, browser: str) -> Launch:
    """Returns the launch for which this browser comes.

    Raises:
        Refused: 403, another browser began it; 410, it is over.
    """
    launch = Launch.objects.select_related("platform").filter(secret=digest_of(secret)).first()
    if launch is None:
        raise over()
    if not browser or not constant_time_compare(digest_of(browser), launch.browser):
        raise Refused("launch_elsewhere", _("This launch did not begin in this browser."), 403)
    if launch.message is None or launch.enter_until <= timezone.now() or not launch.platform.is_open:
        raise over()
    return launch


def take(launch: Launch) -> None:
    """Ends the launch, whose message is removed. Raises `Refused` (410) if that happened before."""
    found = Launch.objects.waiting().filter(pk=launch.pk, platform__is_open=True)
    if not found.update(entered_at=timezone.now(), message=None):
        raise over()
    Platform.objects.filter(pk=launch.platform_id).update(launched_at=timezone.now())


@transaction.atomic
def enter(request: HttpRequest, secret: str, browser: str) -> Entered:
    """Makes the person a member of the class with the role that the platform says. The caller signs the person in.

    Raises:
        Refused: 403, another browser began the launch, or the account is not for launches; 410, it is over.
    """
    launch = waiting(secret, browser)
    message = Message(**(launch.message or {}))
    if message.asks is not None:
        raise over()
    take(launch)
    # An operator may have changed this since the first step.
    of_class = class_of(launch.platform, message)
    user = _account(request, launch.platform, message)
    place = managed.Place(of_class.pk, LearnerData(message.learner_data), (), message.given_name, message.family_name)
    managed.follow_one(user, source_of(launch.platform), of_class.pk, place, rules=True, returns=True)
    rosters.offered(of_class, launch.platform, message.roster)
    if message.line_item:
        columns.note(of_class, launch.platform, message)
    return Entered(user, message.target)


def _account(request: HttpRequest, platform: Platform, message: Message) -> User:
    """Returns the account of the person, a new one on the first launch: then the browser's visitor becomes it."""
    of_sub = Link.objects.filter(platform=platform, sub=message.sub).select_related("user")
    link = of_sub.first()
    if link is None:
        try:
            with transaction.atomic():
                return _new_account(request, platform, message)
        except IntegrityError:
            # The same person's first launch in another window was quicker.
            link = of_sub.get()
    user = link.user
    if not user.is_active:
        raise Refused("account_closed", _("Your account here is closed."), 403)
    if (user.is_staff or user.is_superuser) and not second_factor.has_factor(user):
        said = _(
            "Your account is one of staff, so a platform alone cannot sign you in. Sign in here with your password and "
            "switch on two-factor authentication on your profile. Then open the link again: it asks for your code."
        )
        raise Refused("account_protected", said, 403)
    return user


def _new_account(request: HttpRequest, platform: Platform, message: Message) -> User:
    try:
        user = guests.claim(request)
    except guests.SignedUp:
        user = None
    accounts.come_back(platform, message.sub)
    return accounts.link(platform, message.sub, user)


def note_refusal(platform: Platform, refused: Refused) -> None:
    """Notes for operators why a launch was refused, and whom they ask for what."""
    columns.note_fault(platform, f"{refused.message} {advice.of_launch(refused)}".strip())
