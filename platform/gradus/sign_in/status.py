"""What the people who run the site have to know of each provider of sign-in, for `doctor` and a page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.db.models import Max

from gradus.classes.models import Class
from gradus.id_tokens import ALGORITHMS, public_keys
from gradus.sign_in import asking
from gradus.sign_in.configuration import Provider
from gradus.sign_in.models import LastRefusal
from gradus.sign_in.refusals import Refusal, advice


@dataclass(frozen=True)
class Status:
    """What the site itself knows of a provider. `unknown_classes` are those of rules that no class has."""

    provider: Provider
    accounts: int
    last_log_in: datetime | None
    refusal: LastRefusal | None
    unknown_classes: tuple[int, ...]

    @property
    def advice(self) -> str:
        """Returns what to do about the last refusal: whom to ask for what."""
        return advice(self.refusal.code) if self.refusal else ""

    @property
    def is_refused(self) -> bool:
        """True if nobody has signed in since the last refusal."""
        return self.refusal is not None and (self.last_log_in is None or self.last_log_in < self.refusal.at)


@dataclass(frozen=True)
class Answer:
    """What a provider answers now: how many keys it has, and by how many seconds its clock is ahead of ours."""

    keys: int
    skew: float | None


def statuses() -> Iterator[Status]:
    """Yields the status of each provider in GRADUS_OIDC, without asking any of them."""
    refusals = {one.provider: one for one in LastRefusal.objects.all()}
    for one in settings.SIGN_IN_PROVIDERS:
        accounts = SocialAccount.objects.filter(provider=one.id)
        wanted = {rule.of_class for rule in one.rules}
        known = set(Class.objects.filter(pk__in=wanted).values_list("pk", flat=True))
        last = accounts.aggregate(last=Max("last_login"))["last"]
        yield Status(one, accounts.count(), last, refusals.get(one.id), tuple(sorted(wanted - known)))


def ask(provider: Provider) -> Answer:
    """Asks a provider for its configuration and keys. Raises `Refusal`."""
    config = asking.configuration(provider, fresh=True)
    keys = len(list(public_keys(asking.keys(provider, fresh=True), ALGORITHMS)))
    if not keys:
        raise Refusal("keys", "its jwks_uri lists no key that can check a signature")
    return Answer(keys, config["gradus_skew"])
