"""Networks that staff has exempted from the limits on sign-ups and new visitors, such as a classroom's."""

from ipaddress import ip_address, ip_network

from allauth.account.adapter import get_adapter
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from gradus.accounts.models import ExemptNetwork

# A shorter prefix is probably a typing error: it would lift the limits for a large part of the internet.
SHORTEST_PREFIX = {4: 16, 6: 32}


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
