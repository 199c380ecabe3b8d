"""The page of the kind `rag`: how documents are cut and searched, and a prompt where a model reads what was found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from django.http import HttpRequest, QueryDict
from django.urls import URLPattern
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from challenges import metrics
from challenges.documents import digest
from challenges.kinds.rag_keys import METHODS, RagKeys, corpora, rag
from challenges.kinds.rag_reader import has_reader, measured
from challenges.kinds.rag_room import largest_only, largest_passages
from challenges.models import tokens
from challenges.models.token_counts import CountTokens
from challenges.spec import Challenge, dump
from challenges.translation import translated
from gradus.learn.form_problems import FormFields
from gradus.learn.kind_pages import Draft, KindPage, with_line_feeds
from gradus.learn.kinds.fields import (
    ChoiceField,
    NumberField,
    instructions_field,
    prompt_limits,
    read_numbers,
    shown,
    template_field,
)
from gradus.learn.kinds.rag import views
from gradus.submissions.models import Evaluation
from gradus.submissions.services import Refused

NUMBERS = ("chunk_words", "overlap", "top_k", "min_score")
# Where a learner starts, as far as the challenge allows it.
START = {"chunk_words": 80, "overlap": 0.0, "top_k": 1, "min_score": 0.0}
TITLES: dict[str, str | Promise] = {
    "chunk_words": gettext_lazy("Words of a passage"),
    "overlap": gettext_lazy("Overlap"),
    "method": gettext_lazy("Search by"),
    "top_k": gettext_lazy("Passages"),
    "min_score": gettext_lazy("Lowest score"),
    "instructions": gettext_lazy("Instructions"),
    "examples": gettext_lazy("Examples"),
    "example": gettext_lazy("Row template"),
}
TEMPLATE_HELP = gettext_lazy(
    "How each example and each sample is written. It holds {passages}, {input} and {output} once each."
)
# What is said below a field where a model reads the passages, and where none does.
HELP: dict[str, tuple[Promise, ...]] = {
    "overlap": (gettext_lazy("The share of a passage that the next one repeats."),),
    "top_k": (
        gettext_lazy("How many of the best passages are used."),
        gettext_lazy("How many of the best passages are handed over."),
    ),
    "min_score": (
        gettext_lazy("Passages below it are not used. Where none is left, the answer is “the corpus does not say”."),
        gettext_lazy("Passages below it are not handed over."),
    ),
}


@dataclass(frozen=True)
class RagDraft(Draft):
    """`numbers` are as they were typed, by the payload's fields. `examples` are inputs, outputs and passages.

    Without a reader the form has no prompt: instructions, examples and template are left as they are here.
    """

    has_reader: bool = True
    numbers: Mapping[str, str] = field(default_factory=dict)
    method: str = "words"
    instructions: str = ""
    examples: tuple[tuple[str, str, str], ...] = ()
    template: str = ""

    @property
    def example_rows(self) -> tuple[tuple[str, str, str], ...]:
        """The examples, or one empty row to write into where there are none. Without a reader there is no row."""
        return (self.examples or (("", "", ""),)) if self.has_reader else ()


class RagPage(KindPage):
    def form(self, kind: str, spec: Challenge, payload: Mapping[str, Any] | None) -> RagDraft:
        return replace(_searched(kind, spec, payload), **(_prompt(spec, payload) if has_reader(spec) else {}))

    def posted(self, kind: str, spec: Challenge, request: HttpRequest) -> RagDraft:
        post = request.POST
        numbers, method = {name: post.get(name, "") for name in NUMBERS}, post.get("method", "")
        if not has_reader(spec):
            return RagDraft(kind, has_reader=False, numbers=numbers, method=method)
        return RagDraft(
            kind,
            numbers=numbers,
            method=method,
            instructions=with_line_feeds(post.get("instructions", "")),
            examples=_examples(post),
            template=with_line_feeds(post.get("template", spec.prompt.example)),
        )

    def payload(self, spec: Challenge, draft: RagDraft) -> dict[str, Any]:
        searched = {"kind": draft.kind, **_numbers(draft.numbers), "method": draft.method}
        if not draft.has_reader:
            return searched
        changed = draft.template != spec.prompt.example and not spec.prompt.locked
        return {
            **searched,
            "instructions": draft.instructions,
            "examples": [{"passages": p, "input": i, "output": o} for i, o, p in draft.examples],
            "example": draft.template if changed else None,
        }

    def fields(self, spec: Challenge, draft: RagDraft) -> FormFields:
        return RagFields()

    def context(self, spec: Challenge, draft: RagDraft) -> dict[str, Any]:
        keys, fitting = rag(spec), _fitting(spec, draft.numbers.get("overlap", ""))
        offered = _offered(keys, fitting)
        return {
            "rag": keys,
            "passages": ", ".join(_in_words(*pair) for pair in largest_only(fitting)),
            "form": {
                "search": [_method(keys, draft), *(_number(offered, draft, name) for name in NUMBERS)],
                "instructions": instructions_field(spec, draft.instructions, help=_limits(spec), rows=4),
                "template": template_field(
                    draft.template,
                    help=TEMPLATE_HELP,
                    rows=3,
                ),
            },
        }

    def urls(self) -> Sequence[URLPattern]:
        return views.urlpatterns

    def describe(self, payload: Mapping[str, Any]) -> dict[str, str]:
        texts = {str(TITLES[name]): shown(payload[name]) for name in NUMBERS if name in payload}
        method = payload.get("method", "words")
        texts[str(TITLES["method"])] = translated(METHODS.get(method, method))
        if payload.get("instructions"):
            texts[str(TITLES["instructions"])] = payload["instructions"]
        if payload.get("example"):
            texts[str(TITLES["example"])] = payload["example"]
        for n, example in enumerate(payload.get("examples", []), 1):
            text = f"{example['passages']}\n{example['input']}\n→ {example['output']}"
            texts[_("Example %(number)d") % {"number": n}] = text
        return texts

    def own_inputs(self, payload: Mapping[str, Any]) -> frozenset[str]:
        return frozenset(example["input"] for example in payload.get("examples", []))

    def result(self, evaluation: Evaluation) -> dict[str, Any]:
        """What was found for each public sample, by its id, and every metric on them that can count.

        Results of version 0.2.0 hold metrics of answers where no answer counts.
        """
        public = (evaluation.result or {}).get("public") or {}
        spec, values = evaluation.version.parsed, public.get("metrics", {})
        return {
            "look_ups": {row["id"]: row["look_up"] for row in public.get("rows", []) if row.get("look_up")},
            "measured": [(metrics.title(name), values[name]) for name in measured(spec) if name in values],
            "has_reader": has_reader(spec),
        }


@dataclass(frozen=True)
class RagFields(FormFields):
    """Examples have controls of their own, by their number."""

    names: Mapping[str, str] = field(default_factory=lambda: {name: str(title) for name, title in TITLES.items()})
    controls: Mapping[str, str] = field(default_factory=lambda: {"example": "template", "examples": "ei-1"})

    def control(self, item: Mapping[str, Any]) -> str:
        head, _dot, rest = str(item.get("field", "")).partition(".")
        if head != "examples" or not item.get("line"):
            return super().control(item)
        part = next((id for id, name in (("eo", "output"), ("ep", "passages")) if rest.endswith(name)), "ei")
        return f"{part}-{item['line']}"


def _searched(kind: str, spec: Challenge, payload: Mapping[str, Any] | None) -> RagDraft:
    """The form without a prompt."""
    if payload is None:
        allowed = _offered(rag(spec), _fitting(spec, ""))
        numbers = {name: shown(_within(allowed, name)) for name in NUMBERS}
        return RagDraft(kind, has_reader=False, numbers=numbers, method=allowed.retrieval.method[0])
    numbers = {name: shown(payload.get(name, START[name])) for name in NUMBERS}
    return RagDraft(kind, has_reader=False, numbers=numbers, method=payload.get("method", "words"))


def _prompt(spec: Challenge, payload: Mapping[str, Any] | None) -> dict[str, Any]:
    """The form's fields for the prompt, where a model reads what was found."""
    if payload is None:
        return {"has_reader": True, "instructions": spec.prompt.instructions, "template": spec.prompt.example}
    return {
        "has_reader": True,
        "instructions": payload.get("instructions", ""),
        "examples": tuple((e["input"], e["output"], e["passages"]) for e in payload.get("examples", [])),
        "template": payload.get("example") or spec.prompt.example,
    }


def _fitting(spec: Challenge, overlap: str) -> Mapping[int, int]:
    """Up to how many words so many passages fit, with the overlap that was typed, or with the least of the challenge.

    Empty where the model's tokenizer is not on this machine.
    """
    count, (low, high) = tokens.counter(spec.model), rag(spec).retrieval.overlap
    if count is None:
        return {}
    try:
        share = _numbers({"overlap": overlap})["overlap"] if overlap else low
    except Refused:
        share = low
    kept = dump(rag(spec).retrieval), rag(spec).passage_tokens_max, spec.model, *map(digest, corpora(spec))
    return _counted(Cutting(repr(kept), share if low <= share <= high else low, spec, count))


@dataclass(frozen=True)
class Cutting:
    """How the documents of a challenge are cut. `content` names all of the challenge that counts here."""

    content: str
    overlap: float
    spec: Challenge = field(compare=False)
    count: CountTokens = field(compare=False)


@lru_cache(maxsize=128)
def _counted(cutting: Cutting) -> Mapping[int, int]:
    return largest_passages(cutting.spec, cutting.overlap, cutting.count)


def _in_words(count: int, words: int) -> str:
    text = ngettext("%(count)d passage of %(words)d words", "%(count)d passages of %(words)d words", count)
    return text % {"count": count, "words": words}


def _offered(keys: RagKeys, fitting: Mapping[int, int]) -> RagKeys:
    """What the challenge allows, without lengths and numbers of passages that never fit."""
    if not fitting:
        return keys
    (shortest, _longest), (fewest, _most) = keys.retrieval.chunk_words, keys.retrieval.top_k
    offered = {"chunk_words": (shortest, max(fitting.values())), "top_k": (fewest, max(fitting))}
    return keys.model_copy(update={"retrieval": keys.retrieval.model_copy(update=offered)})


def _within(keys: RagKeys, name: str) -> float:
    low, high = _limits_of(keys, name)
    return min(max(START[name], low), high)


def _method(keys: RagKeys, draft: RagDraft) -> ChoiceField:
    choices = [(name, translated(METHODS[name])) for name in keys.retrieval.method]
    return ChoiceField(name="method", title=TITLES["method"], value=draft.method, choices=choices)


def _number(keys: RagKeys, draft: RagDraft, name: str) -> NumberField:
    low, high = _limits_of(keys, name)
    help = HELP[name][0 if draft.has_reader else -1] if name in HELP else ""
    return NumberField(
        name=name,
        title=TITLES[name],
        value=draft.numbers.get(name, ""),
        low=shown(low),
        high=shown(high),
        help=help,
    )


def _limits_of(keys: RagKeys, name: str) -> tuple[float, float]:
    """What the challenge allows; it does not narrow the lowest score."""
    limits: tuple[float, float] = getattr(keys.retrieval, name, (0, 1))
    return limits


def _limits(spec: Challenge) -> str:
    text = _(
        "They stand before the examples. At most %(characters)s characters; instructions and examples have at most "
        "%(tokens)s tokens together."
    )
    return text % prompt_limits(spec)


def _numbers(texts: Mapping[str, str]) -> dict[str, float]:
    """Raises `Refused` for what is no number; whether the challenge allows it is checked later."""
    numbers, problems = read_numbers(texts, whole=("chunk_words", "top_k"))
    if problems:
        raise Refused("bad_payload", _("Some fields are not as they should be."), problems=problems)
    return numbers


def _examples(post: QueryDict) -> tuple[tuple[str, str, str], ...]:
    """Rows left empty are not examples."""
    columns = [map(with_line_feeds, post.getlist(f"example_{part}")) for part in ("input", "output", "passages")]
    return tuple(row for row in zip(*columns, strict=False) if any(text.strip() for text in row))


PAGE = RagPage()
