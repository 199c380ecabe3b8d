"""The accounts of the people of platforms, and whom a platform's roster does not bring back."""

from __future__ import annotations

import secrets

from django.utils.crypto import salted_hmac

from gradus.accounts.models import User
from gradus.lti.models import DeletedPerson, Link, Platform

SALT = "gradus.lti.deleted"


def link(platform: Platform, sub: str, user: User | None = None) -> User:
    """Gives the person whom the platform calls `sub` this account or a new one, which no password opens."""
    user = user or User(username=f"learner-{secrets.token_hex(8)}")
    user.set_unusable_password()
    user.save()
    Link.objects.create(platform=platform, sub=sub, user=user)
    return user


def digest_of(platform: int, sub: str) -> str:
    """Returns what is kept of a person whose account was deleted. Only the site's secret links it to the person."""
    return salted_hmac(SALT, f"{platform} {sub}", algorithm="sha256").hexdigest()


def deleted_of(platform: Platform) -> set[str]:
    """Returns the digests of those whose accounts were deleted and who have not come again."""
    return set(DeletedPerson.objects.filter(platform=platform).values_list("digest", flat=True))


def forget(user: User) -> None:
    """Deletes by what platforms know the person, and keeps digests of it, so that no roster makes a new account."""
    links = Link.objects.filter(user=user)
    gone = [DeletedPerson(platform_id=one.platform_id, digest=digest_of(one.platform_id, one.sub)) for one in links]
    DeletedPerson.objects.bulk_create(gone, ignore_conflicts=True)
    links.delete()


def come_back(platform: Platform, sub: str) -> None:
    """The person has come from the platform again, so rosters count again."""
    DeletedPerson.objects.filter(platform=platform, digest=digest_of(platform.pk, sub)).delete()
