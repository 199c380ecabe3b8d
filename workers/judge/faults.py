"""What staff read about a judge that does not work: what is wrong, and how to mend it."""

from __future__ import annotations

REFUSED_KEY = (
    "The judge endpoint refuses the key ({status}). Set OPENAI_API_KEY to a key that is valid for OPENAI_BASE_URL and "
    "restart the workers."
)
REFUSED_MODEL = (
    "The judge endpoint does not know the model or the address ({status}). Set GRADUS_JUDGE_MODEL to a model that it "
    "serves and OPENAI_BASE_URL to its address, which mostly ends in /v1, and restart the workers."
)
REFUSED_REQUEST = (
    "The judge endpoint refuses even a plain request ({status}). Set GRADUS_JUDGE_MODEL to a model for chat "
    "completions and restart the workers."
)
REDIRECTED = (
    "The judge endpoint sends us elsewhere ({status}), which is not followed. Set OPENAI_BASE_URL to the address that "
    "answers itself and restart the workers."
)
NO_CHAT = (
    "The judge endpoint does not answer with a chat completion. Set OPENAI_BASE_URL to the address of its API, which "
    "mostly ends in /v1, and restart the workers."
)
_BROKEN_CHAT = (
    "The judge endpoint answered with something that is no chat completion, such as a proxy's page. Look at the last "
    "judge calls in the admin, and at what stands between this machine and OPENAI_BASE_URL. Those answers are graded "
    "provisionally and wait in the review queue."
)
_UNUSABLE = (
    "The judge's last reply was {problem}. Look at the last judge calls in the admin; if this repeats, set "
    "GRADUS_JUDGE_MODEL to a model that keeps to a JSON schema. Those answers are graded provisionally and wait in "
    "the review queue."
)
_WAITING = "Grades wait and are tried again by themselves; after an hour they become provisional."
_POSTPONED = {
    429: "has too many requests from us, or its credit is used up (429). Raise the limit or the credit there.",
    "timeout": "was silent for {timeout:g} s. Look after the server at OPENAI_BASE_URL, set GRADUS_JUDGE_MODEL "
    "to a faster model, or raise GRADUS_JUDGE_TIMEOUT.",
    "connection": "cannot be reached. Check OPENAI_BASE_URL and the network of the workers.",
}


def postponed(what: int | str, timeout: float) -> str:
    """About a status of 429 or 5xx, a `timeout` or a broken `connection`."""
    said = _POSTPONED.get(what, "fails ({what}). Look at its status page, or at its log if it is yours.")
    return f"The judge endpoint {said.format(what=what, timeout=timeout)} {_WAITING}"


def unusable(problem: str, broken: bool) -> str:
    """About a reply that came but cannot be used; `broken` where it was no chat completion at all."""
    return _BROKEN_CHAT if broken else _UNUSABLE.format(problem=problem)
