"""The page of the kind `prompt`: instructions, examples, a row template, and words for labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest, QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from challenges.spec import Challenge
from gradus.learn.form_problems import FormFields
from gradus.learn.kind_pages import Draft, KindPage, labels_of, with_line_feeds
from gradus.learn.kinds.fields import instructions_field, prompt_limits, template_field

TEMPLATE_HELP = gettext_lazy(
    "This is how each example and each sample is written. It holds {input} and {output} once each."
)


@dataclass(frozen=True)
class PromptDraft(Draft):
    """`examples` are pairs of input and output."""

    instructions: str = ""
    examples: tuple[tuple[str, str], ...] = ()
    template: str = ""
    label_words: Mapping[str, str] = field(default_factory=dict)

    @property
    def example_rows(self) -> tuple[tuple[str, str], ...]:
        """The examples, or one empty row to write into where there are none."""
        return self.examples or (("", ""),)


class PromptPage(KindPage):
    def form(self, kind: str, spec: Challenge, payload: Mapping[str, Any] | None) -> PromptDraft:
        if payload is None:
            return PromptDraft(kind, instructions=spec.prompt.instructions, template=spec.prompt.example)
        return PromptDraft(
            kind,
            instructions=payload.get("instructions", ""),
            examples=tuple((e["input"], e["output"]) for e in payload.get("examples", [])),
            template=payload.get("example") or spec.prompt.example,
            label_words=payload.get("label_words", {}),
        )

    def posted(self, kind: str, spec: Challenge, request: HttpRequest) -> PromptDraft:
        post = request.POST
        return PromptDraft(
            kind,
            instructions=with_line_feeds(post.get("instructions", "")),
            examples=_examples(post, labels_of(spec)),
            template=with_line_feeds(post.get("template", spec.prompt.example)),
            label_words=dict(zip(labels_of(spec), map(str.strip, post.getlist("label_word")), strict=False)),
        )

    def payload(self, spec: Challenge, draft: PromptDraft) -> dict[str, Any]:
        changed = draft.template != spec.prompt.example and not spec.prompt.locked
        return {
            "kind": draft.kind,
            "instructions": draft.instructions,
            "examples": [{"input": one, "output": other} for one, other in draft.examples],
            "example": draft.template if changed else None,
            "label_words": {label: word for label, word in draft.label_words.items() if word and word != label},
        }

    def fields(self, spec: Challenge, draft: PromptDraft) -> FormFields:
        return PromptFields(labels=labels_of(spec))

    def context(self, spec: Challenge, draft: PromptDraft) -> dict[str, Any]:
        names = labels_of(spec)
        return {
            "form": {
                "instructions": instructions_field(spec, draft.instructions, help=_limits(spec), rows=6),
                "template": template_field(
                    draft.template,
                    help=TEMPLATE_HELP,
                    rows=2,
                ),
            },
            "labels": [(label, draft.label_words.get(label, "")) for label in names],
            "label_names": names,
        }

    def describe(self, payload: Mapping[str, Any]) -> dict[str, str]:
        texts = {_("Instructions"): payload["instructions"]} if payload.get("instructions") else {}
        if payload.get("example"):
            texts[_("Row template")] = payload["example"]
        for label, word in payload.get("label_words", {}).items():
            texts[_("Word for “%(label)s”") % {"label": label}] = word
        for number, example in enumerate(payload.get("examples", []), 1):
            texts[_("Example %(number)s") % {"number": number}] = f"{example['input']}\n→ {example['output']}"
        return texts

    def own_inputs(self, payload: Mapping[str, Any]) -> frozenset[str]:
        return frozenset(example["input"] for example in payload.get("examples", []))


@dataclass(frozen=True)
class PromptFields(FormFields):
    """Examples and words for labels have controls of their own, by their number."""

    names: Mapping[str, str | Promise] = field(
        default_factory=lambda: {
            "instructions": gettext_lazy("Instructions"),
            "examples": gettext_lazy("Examples"),
            "example": gettext_lazy("Row template"),
            "label_words": gettext_lazy("Words for labels"),
        }
    )
    controls: Mapping[str, str] = field(
        default_factory=lambda: {"example": "template", "examples": "ei-1", "label_words": "lw-1"}
    )

    def control(self, item: Mapping[str, Any]) -> str:
        head, _, rest = str(item.get("field", "")).partition(".")
        if head == "examples" and item.get("line"):
            of_output = rest.endswith("output") or item.get("code") == "unknown_label"
            return f"{'eo' if of_output else 'ei'}-{item['line']}"
        if head == "label_words" and rest in self.labels:
            return f"lw-{list(self.labels).index(rest) + 1}"
        return super().control(item)


def _limits(spec: Challenge) -> str:
    text = _(
        "Your instructions stand before the examples and have at most %(characters)s characters. Instructions and "
        "examples together have at most %(tokens)s tokens."
    )
    return text % prompt_limits(spec)


def _examples(post: QueryDict, labels: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Rows left empty are not examples. A label is written as the author writes it, whatever its case was."""
    inputs, outputs = post.getlist("example_input"), post.getlist("example_output")
    pairs = [(with_line_feeds(one), with_line_feeds(other)) for one, other in zip(inputs, outputs, strict=False)]
    written = {label.casefold(): label for label in labels}
    return tuple(
        (one, written.get(other.strip().casefold(), other)) for one, other in pairs if one.strip() or other.strip()
    )


PAGE = PromptPage()
