"""The messages to staff about a judge that does not work: what is wrong, and how to fix it."""

from __future__ import annotations

from workers.judge.contract import CallRecord

EXCERPT = 200
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
MISCOUNTED = (
    "The judge endpoint reports numbers of tokens that cannot be true (`usage` of its replies). Its replies are used, "
    "but each of these calls is taken off the budgets by a high estimate, and its cost is unknown. Look at the last "
    "judge calls in the admin, and at the version and the settings of the server at OPENAI_BASE_URL."
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
_TOO_LONG = (
    "It did not end within 2,000 tokens. Set GRADUS_JUDGE_MODEL to a model that answers briefly in the form of a JSON "
    "schema; if it reasons at length before it answers, switch that off at its server."
)
_FILTERED = (
    "A content filter stopped it. Some of the answers are attacks on graders: use a model or an account whose filter "
    "lets them pass."
)
_NO_CHAT = (
    "It is not a chat completion, but perhaps a page of a proxy. Set OPENAI_BASE_URL to the address of the endpoint's "
    "API, which usually ends in /v1, and look at any proxy on the way."
)
_TOO_LARGE = (
    "The endpoint refuses requests of this size or form. The context must hold at least 8,192 tokens (`--ctx-size` of "
    "llama.cpp's server, `--max-model-len` of vLLM)."
)
_NO_FORM = (
    "The response format asked for was {rung}, and the model does not keep to it. Set GRADUS_JUDGE_MODEL to a more "
    "capable model, or use a server that enforces a JSON schema (the response format json_schema)."
)
_REMEDIES = {
    "length": _TOO_LONG,
    "content_filter": _FILTERED,
    "not a chat completion": _NO_CHAT,
    "refused": _TOO_LARGE,
}
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


def nothing_usable(count: int, record: CallRecord) -> str:
    """The message about `count` unusable replies in a row, of which `record` is the last, for the author's terminal."""
    remedy = next((text for kind, text in _REMEDIES.items() if f"({kind}" in record.problem), _NO_FORM)
    said = f"It began: {excerpt(record.response)}" if record.response.strip() else "It was empty."
    return (
        f"The last {count} replies of the judge could not be used, so this stops before more are paid for.\n"
        f"The last one was {excerpt(record.problem)}. {said}\n{remedy.format(rung=record.rung)}"
    )


def excerpt(text: str, most: int = EXCERPT) -> str:
    """The beginning of a text of the endpoint on one line, without characters that could steer a terminal."""
    line = " ".join("".join(c if c.isprintable() or c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in text).split())
    return line if len(line) <= most else f"{line[:most]} ..."
