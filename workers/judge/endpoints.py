"""How workers reach the endpoints that staff name in the environment: the judge, and remote engines."""

from __future__ import annotations

import openai
from openai import OpenAI


def client(base_url: str | None, api_key: str, timeout: float) -> OpenAI:
    """A client of that address and of no other.

    No redirect is followed: it would carry a key, hidden rows and answers to an address that nobody has chosen, be it
    another host, one of this network, or a cloud's metadata.
    """
    http = openai.DefaultHttpxClient(timeout=timeout, follow_redirects=False)
    return OpenAI(base_url=base_url, api_key=api_key or "none", timeout=timeout, max_retries=0, http_client=http)
