"""Requests to learning platforms, whose addresses people type and messages bring: they never reach a private network.

The name is resolved here, each of its addresses is checked, and the connection goes to a checked address, so that a
name that changes between the check and the request gains nothing. Redirects are not followed. An answer has a limit in
bytes and in seconds, whatever the platform does. `GRADUS_LTI_PRIVATE_HOSTS` names hosts that may be private.
"""

from __future__ import annotations

import ipaddress
import json
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
from django.conf import settings
from django.utils.translation import gettext as _

# Seconds of one step, and of the whole exchange.
STEP_SECONDS, ALL_SECONDS = 4.0, 8.0
MOST_BYTES = 1024 * 1024


class Unreachable(Exception):
    """The platform gave no answer that can be used. The text says why, for operators. `status` is HTTP's, or 0.

    `is_certain` is False where the platform may have received the request.
    """

    def __init__(self, said: str, *, status: int = 0, is_certain: bool = False, retry_after: float = 0) -> None:
        super().__init__(said)
        self.status = status
        self.is_certain = is_certain
        self.retry_after = retry_after


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
            raise Unreachable(_("The platform's answer is not JSON."), status=self.status) from None


def problem_of(address: str) -> str:
    """Returns what is wrong with an address as text, or "": it must be of https, unless its host may be private."""
    try:
        parts = urlsplit(address)
        # What `send` reads of it, which raises where the host is no name and no address of a network.
        host, port = httpx.URL(address).host and parts.hostname, parts.port
    except (ValueError, httpx.InvalidURL):
        host, port, parts = None, None, urlsplit("")
    if not host or port == 0 or parts.username or parts.password or parts.fragment or not address.isprintable():
        return _("Write a complete address, such as https://canvas.example.org/login/oauth2/token.")
    if parts.scheme == "https" or (parts.scheme == "http" and is_private_host(host)):
        return ""
    return _("The address must begin with https://.")


def is_private_host(host: str) -> bool:
    """Returns True if the operator allows requests to this host in a private network."""
    return host.lower() in {one.lower() for one in settings.LTI_PRIVATE_HOSTS}


def checked_address(host: str, port: int) -> str:
    """Returns an IP address of the host to connect to.

    Raises:
        Unreachable: the name is not known, or one of its addresses is private, of this machine or reserved.
    """
    try:
        found = [str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        raise Unreachable(_("The name %(host)s is not known.") % {"host": host}, is_certain=True) from None
    private = any(not _is_public(one) for one in found)
    if not found or (private and not is_private_host(host)):
        said = _(
            "%(host)s is in a private network, and this site sends nothing there. An operator can name the host in "
            "GRADUS_LTI_PRIVATE_HOSTS."
        )
        raise Unreachable(said % {"host": host}, is_certain=True)
    return found[0]


def _is_public(address: str) -> bool:
    found = ipaddress.ip_address(address.partition("%")[0])
    inner = getattr(found, "ipv4_mapped", None) or getattr(found, "sixtofour", None)
    return found.is_global and not found.is_multicast and (inner is None or inner.is_global)


def send(
    method: str,
    address: str,
    *,
    headers: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
    content: bytes | None = None,
) -> Answer:
    """Sends a request and returns the answer, whose status is one of success.

    Raises:
        Unreachable: the address is not allowed, nothing answered in time, or the answer is a refusal or a redirect.
    """
    if said := problem_of(address):
        raise Unreachable(said, is_certain=True)
    url = httpx.URL(address)
    port = url.port or {"https": 443, "http": 80}[url.scheme]
    ip = checked_address(url.host, port)
    sent = {"Accept": "application/json", **(headers or {}), "Host": url.netloc.decode("ascii")}
    try:
        with httpx.Client(timeout=STEP_SECONDS, trust_env=False, follow_redirects=False) as client:
            request = client.build_request(
                method, url.copy_with(host=ip), headers=sent, data=form, content=content,
                extensions={"sni_hostname": url.host},
            )  # fmt: skip
            return _read(client, request)
    except (httpx.ConnectError, httpx.ConnectTimeout):
        said = _("The platform does not answer at %(host)s.") % {"host": url.host}
        raise Unreachable(said, is_certain=True) from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError):
        said = _("The platform's answer from %(host)s broke off, or took too long.")
        raise Unreachable(said % {"host": url.host}) from None


def _read(client: httpx.Client, request: httpx.Request) -> Answer:
    ends, body = time.monotonic() + ALL_SECONDS, bytearray()
    response = client.send(request, stream=True)
    try:
        for piece in response.iter_bytes():
            body += piece
            if len(body) > MOST_BYTES:
                raise Unreachable(_("The platform's answer is too large."), status=response.status_code)
            if time.monotonic() > ends:
                raise Unreachable(_("The platform's answer takes too long."), status=response.status_code)
    finally:
        response.close()
    if response.is_redirect:
        said = _("The platform sends to another address, which is not followed.")
        raise Unreachable(said, status=response.status_code, is_certain=True)
    if not response.is_success:
        said = _("The platform answered with the status %(status)s.") % {"status": response.status_code}
        wait = response.headers.get("Retry-After", "")
        raise Unreachable(
            said,
            status=response.status_code,
            is_certain=response.status_code < 500,
            retry_after=float(wait) if wait.isdecimal() and len(wait) < 7 else 0,
        )
    return Answer(response.status_code, response.headers, bytes(body))
