"""The messages to staff about a judge that does not work: what is wrong, and how to fix it."""

from __future__ import annotations

REFUSED_KEY = (
    "The judge endpoint refuses the key ({status}). Set OPENAI_API_KEY to a key that is valid for OPENAI_BASE_URL and "
    "restart the workers."
)
REFUSED_MODEL = (
    "The judge endpoint does not know the model or the address ({status}). Set GRADUS_JUDGE_MODEL to a model that it "
    "serves and OPENAI_BASE_URL to its address, which usually ends in /v1, and restart the workers."
)
REFUSED_REQUEST = (
    "The judge endpoint refuses even a plain request ({status}). Set GRADUS_JUDGE_MODEL to a model for chat "
    "completions and restart the workers."
)
REDIRECTED = (
    "The judge endpoint answers with a redirect ({status}), which is not followed. Set OPENAI_BASE_URL to the final "
    "address and restart the workers."
)
NO_CHAT = (
    "The judge endpoint does not answer with a chat completion. Set OPENAI_BASE_URL to the address of its API, which "
    "usually ends in /v1, and restart the workers."
)
_BROKEN_CHAT = (
    "The judge endpoint answered with something other than a chat completion, such as a proxy's page. Look at the last "
    "judge calls in the admin, and at any proxy between this machine and OPENAI_BASE_URL. Those answers are graded "
    "provisionally and wait in the review queue."
)
_UNUSABLE = (
    "The judge's last reply was {problem}. Look at the last judge calls in the admin; if this repeats, set "
    "GRADUS_JUDGE_MODEL to a model that keeps to a JSON schema. Those answers are graded provisionally and wait in "
    "the review queue."
)
_WAITING = "Grades wait and are tried again automatically; after an hour they become provisional."
_POSTPONED = {
    429: "gets too many requests from us, or its credit is used up (429). Raise the limit or the credit there.",
    "timeout": "did not answer within {timeout:g} s. Check the server at OPENAI_BASE_URL, set GRADUS_JUDGE_MODEL "
    "to a faster model, or raise GRADUS_JUDGE_TIMEOUT.",
    "connection": "cannot be reached. Check OPENAI_BASE_URL and the network of the workers.",
}


def postponed(what: int | str, timeout: float) -> str:
    """The message about a call that is postponed; `what` is the status 429 or 5xx, `timeout`, or `connection`."""
    said = _POSTPONED.get(what, "fails ({what}). Look at its status page, or at its log if it is yours.")
    return f"The judge endpoint {said.format(what=what, timeout=timeout)} {_WAITING}"


def unusable(problem: str, broken: bool) -> str:
    """The message about a reply that cannot be used; `broken` if it was not a chat completion at all."""
    return _BROKEN_CHAT if broken else _UNUSABLE.format(problem=problem)
