"""The site's requests to other servers: providers of sign-in and learning platforms.

No redirect is followed, and an answer has a limit in bytes and in seconds, whatever the server does. Where people type
an address, or a message brings it, the request never reaches a private network: the name is resolved here, each of its
addresses is checked, and the connection goes to a checked address, so that a name that changes between the check and
the request gains nothing. `GRADUS_LTI_PRIVATE_HOSTS` names hosts that may be private.
"""

from __future__ import annotations

import ipaddress
import json
import socket
import time
from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

STEP_SECONDS, ALL_SECONDS = 4.0, 8.0
MOST_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Policy:
    """Which addresses may be asked, and what an answer may cost: seconds of one step, seconds of all, and bytes.

    `plain_hosts` may be asked without TLS, and may be private. `of_operator` is True where an operator set the address:
    every host may be private then, and the request goes through the proxy that the environment names, if any.
    """

    plain_hosts: Collection[str]
    of_operator: bool
    step_seconds: float
    all_seconds: float
    most_bytes: int


def strangers() -> Policy:
    """Returns the policy for addresses that people type and messages bring."""
    hosts = {host.lower() for host in settings.LTI_PRIVATE_HOSTS}
    return Policy(hosts, False, STEP_SECONDS, ALL_SECONDS, MOST_BYTES)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: httpx.Headers
    body: bytes

    def json(self) -> Any:
        """Returns the JSON value of the body.

        Raises:
            Unreachable: the body is no JSON.
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise Unreachable(_("The platform's answer is not JSON."), self.status) from None

    def object(self) -> dict[str, Any]:
        """Returns the JSON object of the body, or an empty one if the body is something else."""
        try:
            value = self.json()
        except Unreachable:
            return {}
        return value if isinstance(value, dict) else {}

    @property
    def skew(self) -> float | None:
        """By how many seconds the server's clock is ahead of ours, or None if the answer does not say the time."""
        try:
            return (parsedate_to_datetime(self.headers["Date"]) - timezone.now()).total_seconds()
        except (KeyError, TypeError, ValueError):
            return None


@dataclass(eq=False)
class Unreachable(Exception):
    """The server gave no answer that can be used. The reason is for operators. `status` is HTTP's, or 0.

    `is_certain` is False where the server may have received the request. `refusal` is the whole answer where its status
    is not one of success. Otherwise, `fault` is httpx's name of what went wrong.
    """

    reason: str
    status: int = 0
    is_certain: bool = False
    retry_after: float = 0
    refusal: Answer | None = None
    fault: str = ""

    def __str__(self) -> str:
        return self.reason


def problem_of(address: str, policy: Policy | None = None) -> str:
    """Returns what is wrong with an address as text, or "": it must be of https, unless the policy lets its host off.

    Without a policy, the address counts as a stranger's.
    """
    policy = policy or strangers()
    try:
        parts = urlsplit(address)
        # What `send` reads of it, which raises where the host is no name and no address of a network.
        host, port = httpx.URL(address).host and parts.hostname, parts.port
    except (ValueError, httpx.InvalidURL):
        host, port, parts = None, None, urlsplit("")
    if not host or port == 0 or parts.username or parts.password or parts.fragment or not address.isprintable():
        return _("Write a complete address, such as https://canvas.example.org/login/oauth2/token.")
    if parts.scheme == "https" or (parts.scheme == "http" and host in policy.plain_hosts):
        return ""
    return _("The address must begin with https://.")


def send(
    method: str,
    address: str,
    policy: Policy | None = None,
    *,
    headers: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
    content: bytes | None = None,
    auth: tuple[str, str] | None = None,
) -> Answer:
    """Sends a request, without a policy as to a stranger's address, and returns an answer with a status of success.

    Raises:
        Unreachable: the address is not allowed, nothing answered in time, or the answer is a refusal or a redirect.
    """
    policy = policy or strangers()
    if problem := problem_of(address, policy):
        raise Unreachable(problem, is_certain=True)
    url, ends = httpx.URL(address), time.monotonic() + policy.all_seconds
    target = url if policy.of_operator else url.copy_with(host=_checked_ip(url, policy))
    sent = {"Accept": "application/json", **(headers or {}), "Host": url.netloc.decode("ascii")}
    name = {"sni_hostname": url.host}
    try:
        with httpx.Client(timeout=policy.step_seconds, trust_env=policy.of_operator, follow_redirects=False) as client:
            request = client.build_request(method, target, headers=sent, data=form, content=content, extensions=name)
            with closing(client.send(request, stream=True, auth=auth)) as response:
                answer = _read(response, ends, policy.most_bytes)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        is_certain = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
        reason = _("The platform's answer from %(host)s broke off, or took too long.")
        if is_certain:
            reason = _("The platform does not answer at %(host)s.")
        fault = type(error).__name__
        raise Unreachable(reason % {"host": url.host}, is_certain=is_certain, fault=fault) from None
    if not 200 <= answer.status < 300:
        raise _refused(answer)
    return answer


def _checked_ip(url: httpx.URL, policy: Policy) -> str:
    """Returns an IP address of the host to connect to.

    Raises:
        Unreachable: the name is not known, or one of its addresses is private, of this machine or reserved.
    """
    port = url.port or {"https": 443, "http": 80}[url.scheme]
    try:
        ips = [str(info[4][0]) for info in socket.getaddrinfo(url.host, port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        raise Unreachable(_("The name %(host)s is not known.") % {"host": url.host}, is_certain=True) from None
    if not ips or (url.host not in policy.plain_hosts and not all(_is_public(ip) for ip in ips)):
        reason = _(
            "%(host)s is in a private network, and this site sends nothing there. An operator can name the host in "
            "GRADUS_LTI_PRIVATE_HOSTS."
        )
        raise Unreachable(reason % {"host": url.host}, is_certain=True)
    return ips[0]


def _is_public(address: str) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    inner = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None)
    return ip.is_global and not ip.is_multicast and (inner is None or inner.is_global)


def _read(response: httpx.Response, ends: float, most_bytes: int) -> Answer:
    body = bytearray()
    for piece in response.iter_bytes():
        body += piece
        reason = _("The platform's answer takes too long.") if time.monotonic() > ends else ""
        if len(body) > most_bytes:
            reason = _("The platform's answer is too large.")
        if reason:
            raise Unreachable(reason, response.status_code, fault="ReadTimeout")
    return Answer(response.status_code, response.headers, bytes(body))


def _refused(answer: Answer) -> Unreachable:
    if 300 <= answer.status < 400:
        reason = _("The platform sends to another address, which is not followed.")
        return Unreachable(reason, answer.status, is_certain=True, refusal=answer)
    reason = _("The platform answered with the status %(status)s.") % {"status": answer.status}
    wait = answer.headers.get("Retry-After", "")
    seconds = float(wait) if wait.isdecimal() and len(wait) < 7 else 0
    return Unreachable(reason, answer.status, answer.status < 500, seconds, answer)
