"""Makes the HTTP clients for the endpoints that staff name in the environment: the judge and remote engines."""

from __future__ import annotations

import openai
from openai import OpenAI


def client(base_url: str | None, api_key: str, timeout: float) -> OpenAI:
    """A client for this address only; it does not follow redirects and does not repeat requests.

    A redirect would send a key, hidden rows and answers to an address that staff have not chosen, such as another host,
    a machine of this network, or a cloud's metadata service.
    """
    http = openai.DefaultHttpxClient(timeout=timeout, follow_redirects=False)
    return OpenAI(base_url=base_url, api_key=api_key or "none", timeout=timeout, max_retries=0, http_client=http)
