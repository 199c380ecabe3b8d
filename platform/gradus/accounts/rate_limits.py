"""Rate limits for each address, with the page that a visitor gets who has reached one.

allauth counts. Staff can exempt a network, such as a classroom's, from being counted.
"""

import math
from datetime import date
from ipaddress import IPv6Address, ip_address, ip_network

from allauth.account.adapter import get_adapter
from allauth.core.exceptions import ImmediateHttpResponse
from django.core.exceptions import ImproperlyConfigured, PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from gradus.accounts.allauth_internals import count, seconds_left
from gradus.accounts.models import ExemptNetwork

# allauth calls `too_many` without naming the limit. All limits of allauth but that on failed log-ins cover one minute.
RETRY_SECONDS = 60


def allow(request: HttpRequest, action: str, *, limit_get: bool = False) -> None:
    """Counts one more `action` of ACCOUNT_RATE_LIMITS, unless staff has exempted the visitor's network.

    A GET counts only with `limit_get`.

    Raises:
        ImmediateHttpResponse: the limit is reached; allauth's middleware answers with the 429 that it holds.
    """
    if is_exempt(request) or count(request, action, limit_get=limit_get):
        return
    raise ImmediateHttpResponse(too_many(request, seconds_left(request, action)))


def wait_for(request: HttpRequest, action: str) -> int:
    """Returns the seconds until `action` is allowed from this address, 0 if it is allowed now. It counts nothing."""
    return 0 if is_exempt(request) else seconds_left(request, action)


def refuse_beyond(request: HttpRequest, action: str) -> None:
    """Raises `ImmediateHttpResponse` with a 429 if the limit on `action` is reached. It counts nothing."""
    if wait := wait_for(request, action):
        raise ImmediateHttpResponse(too_many(request, wait))


def in_words(seconds: int) -> str:
    """Returns a waiting time for people: in seconds up to two minutes, then in minutes, rounded up."""
    if seconds <= 120:
        return ngettext("%(count)d second", "%(count)d seconds", seconds) % {"count": seconds}
    minutes = math.ceil(seconds / 60)
    return ngettext("%(count)d minute", "%(count)d minutes", minutes) % {"count": minutes}


def too_many(request: HttpRequest, seconds: int = RETRY_SECONDS) -> HttpResponse:
    """Renders the 429 page, which tells people and (in `Retry-After`) scripts how long to wait."""
    response = render(request, "429.html", {"wait": in_words(seconds)}, status=429)
    response["Retry-After"] = str(seconds)
    return response


# A shorter prefix is probably a typing error: it would lift the limits for a large part of the internet.
SHORTEST_PREFIX = {4: 16, 6: 32}
# What one person usually has: an IPv6 connection comes with a /64, and neighbouring IPv4 addresses are easy to get.
NETWORK_PREFIX = {4: 24, 6: 64}


def canonical(text: str) -> str:
    """Returns an address or network in the CIDR notation that the database stores. Raises `ValidationError`."""
    try:
        network = ip_network(text.strip(), strict=False)
    except ValueError:
        raise ValidationError(
            _("Write an address such as 203.0.113.7, or a network such as 203.0.113.0/24 or 2001:db8:1::/48.")
        ) from None
    shortest = SHORTEST_PREFIX[network.version]
    if network.prefixlen < shortest:
        said = _("This network is too large: its prefix must be /%(shortest)d or longer.")
        raise ValidationError(said % {"shortest": shortest})
    return str(network)


def is_exempt(request: HttpRequest) -> bool:
    """Returns True if the request comes from an exempt network. The address is the one that rate limits use."""
    listed = ExemptNetwork.objects.filter(until__gt=timezone.now()).values_list("network", flat=True)
    address = ip_address(get_adapter(request).get_client_ip(request)) if listed else None
    return any(address in ip_network(one) for one in listed)


def client_address(request: HttpRequest) -> str:
    """Returns the visitor's address as rate limits use it, or that of the connection where a proxy is missing."""
    try:
        return str(get_adapter(request).get_client_ip(request))
    except (PermissionDenied, ImproperlyConfigured):
        return str(request.META.get("REMOTE_ADDR", ""))


def hashed_network(request: HttpRequest, day: date) -> str:
    """Returns a keyed hash of the visitor's network, another one each day, so that no address has to be stored.

    It is empty for an exempt network, and for this machine itself: the site's own programs, or a site for one person.
    """
    try:
        address = ip_address(client_address(request))
    except ValueError:
        # A connection over a Unix socket has no address.
        return ""
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    if address.is_loopback or is_exempt(request):
        return ""
    network = ip_network((address, NETWORK_PREFIX[address.version]), strict=False)
    return salted_hmac("gradus.networks", f"{day} {network}", algorithm="sha256").hexdigest()
