"""Numbers as a page writes them. What is missing (Django passes an empty text then) is written as nothing."""

import json as json_module
import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django import template
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import get_text_list
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from challenges import metrics
from challenges.kinds import registry as kinds
from challenges.kinds.base import Kind
from challenges.kinds.own_choices import OwnChoices
from challenges.kinds.tune_keys import tune
from challenges.lesson import text as lesson_text
from challenges.lesson.spec import Approach
from challenges.models.base_models import BaseModel
from challenges.models.catalogue import MODELS, model_title
from challenges.shown_score import written
from challenges.spec import Challenge
from challenges.translation import translated
from gradus.courses.models import Lesson
from gradus.learn.kind_pages import templates_of
from gradus.learn.lesson import markdown, text_steps
from gradus.learn.result import compare
from gradus.submissions import durations
from gradus.submissions.delays import SENTENCES
from gradus.submissions.models import Run, Submission

register = template.Library()
HEADING_ID = re.compile(r'<(h[1-6]) id="[^"]*">')
register.filter("translated", translated)


@register.filter
def score(value: object, step: object = None) -> str:
    """A score in [0, 1]. One of public samples is given the challenge's step, and gets as many digits as others."""
    if not isinstance(value, int | float):
        return ""
    return written(value, step if isinstance(step, float) else None)


@register.simple_tag
def delay_sentences() -> list[tuple[str, str]]:
    """Why an evaluation may be put back into the queue, by code, for the script that follows it."""
    return [(code, str(sentence)) for code, sentence in SENTENCES.items()]


@register.filter
def own_choices(spec: Challenge) -> OwnChoices | None:
    """How the learner's own choices count; None where they do not."""
    return tune(spec).own_choices


@register.filter
def with_changes(pieces: Iterable[compare.Piece]) -> SafeString:
    """A text with what was taken out and put in marked. The page shows its white space, so no template writes it."""
    return format_html_join(
        "",
        "{}",
        ((one.text if one.kind == "same" else format_html("<{0}>{1}</{0}>", one.kind, one.text),) for one in pieces),
    )


@register.filter
def share(value: object) -> str:
    """A probability, two digits."""
    return f"{value:.2f}" if isinstance(value, int | float) else ""


@register.filter
def one_decimal(value: object) -> str:
    """A mean of whole numbers, such as "1.4"."""
    return f"{value:.1f}" if isinstance(value, int | float) else ""


@register.filter
def percent(value: object) -> str:
    """A share as per cent, with enough digits for small ones."""
    if not isinstance(value, int | float):
        return ""
    return f"{100 * value:.2f} %" if value < 0.1 else f"{100 * value:.0f} %"


@register.filter
def percent_place(value: object) -> str:
    """A place on a line from 0 to 1, as SVG takes it."""
    return f"{100 * value:.2f}%" if isinstance(value, int | float) else "0%"


@register.filter
def duration(seconds: object) -> str:
    """Whole seconds, then minutes."""
    if not isinstance(seconds, int | float):
        return ""
    return durations.in_words(seconds)


@register.filter
def about(span: object) -> str:
    """A span of time in its largest unit, such as "3 hours"."""
    return timesince(timezone.now() - span, depth=1) if isinstance(span, timedelta) else ""


@register.filter
def milliseconds(value: object) -> str:
    if not isinstance(value, int | float):
        return ""
    return _("%(number)s ms") % {"number": f"{value:,.0f}" if value >= 10 else f"{value:.1f}"}


@register.filter
def megabytes(value: object) -> str:
    return _("%(number)s MB") % {"number": f"{value / 1e6:.1f}"} if isinstance(value, int | float) else ""


@register.filter
def whole(value: object) -> datetime | None:
    """A moment rounded up to its second: fractions could tell something of hidden rows."""
    if not isinstance(value, datetime) or not value.microsecond:
        return value if isinstance(value, datetime) else None
    return value.replace(microsecond=0) + timedelta(seconds=1)


@register.filter
def metric(name: str) -> str:
    """A metric's title."""
    return metrics.title(name)


register.filter("metric_in_words", metrics.in_words)
register.filter("score_rules", metrics.rules)


@register.filter
def asks_model(spec: Challenge) -> bool:
    """Whether a base model answers the samples of a challenge."""
    return kinds.find(spec.kind).asks_model(spec)


@register.filter
def measures_costs(spec: Challenge) -> bool:
    """Whether a request to the model has a cost in a challenge."""
    return kinds.find(spec.kind).measures_costs(spec)


@register.filter
def base_model(name: str) -> str:
    """A base model's title."""
    return model_title(name)


@register.filter
def known_model(name: str) -> BaseModel | None:
    """A base model's entry in the catalogue; None where this machine does not know the model."""
    return MODELS.get(name)


@register.filter
def get(mapping: dict[str, object], key: str) -> object:
    return mapping.get(key, "")


@register.filter
def json(value: object) -> SafeString:
    """For `<script type="application/json">`: what could end the element is escaped, as `json_script` does."""
    text = json_module.dumps(value)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04X}")
    return SafeString(text)


@register.filter
def headings(text: str) -> list[str]:
    """The headings of level 2 of a lesson's text."""
    return [heading.text for heading in markdown.render(text).headings if heading.level == 2]


@register.filter
def from_markdown(text: str) -> SafeString:
    """A text of somebody who teaches, as safe HTML. Its headings have no ids, as another text may have the same."""
    return SafeString(HEADING_ID.sub(r"<\1>", markdown.render(text).html))


@register.filter
def line_from_markdown(text: str) -> SafeString:
    """A text of an author within a line, such as a question, as safe HTML."""
    return SafeString(markdown.render_line(text))


@register.filter
def outcomes(text: str) -> tuple[str, ...]:
    """What a reader can do after the lesson, as its text says at the end."""
    return lesson_text.outcomes(text)


@register.filter
def titles(things: Iterable[Approach | Lesson]) -> SafeString:
    """The titles of what an author has named, as a list within a sentence of the site."""
    return _listed(format_html('<span lang="en">{}</span>', thing.title) for thing in things)


@register.filter
def linked(lessons: Iterable[Lesson]) -> SafeString:
    """Links to lessons, as a list within a sentence of the site."""
    link = '<a href="{}" lang="en">{}</a>'
    return _listed(format_html(link, reverse("learn:lesson", args=[one.slug]), one.title) for one in lessons)


@register.simple_tag
def place_in_lesson(lesson: Lesson, what: str, name: str = "") -> str:
    """The address of something that stands in a lesson, such as its demo or the finding `name`."""
    return text_steps.address_of_anchor(lesson, f"{what}-{name}" if name else what)


def _listed(named: Iterable[SafeString]) -> SafeString:
    return mark_safe(get_text_list(list(named), _("and")))  # noqa: S308


@register.filter
def texts(payload: dict[str, Any]) -> list[tuple[str, str]]:
    """A payload as named texts."""
    return list(compare.texts(payload).items())


@register.filter
def kind(name: str) -> Kind:
    """The kind of that name, for its title, its noun and its icon."""
    return kinds.find(name)


@register.filter
def allowed(spec: Challenge, name: str) -> str:
    """What a challenge takes of the kind of that name, such as its training methods."""
    return kinds.allowed(spec, name)


@register.filter
def handed_in(work: Submission | Run) -> str:
    """What was handed in: the kind, or its training method."""
    return translated(kinds.find(work.kind).title_of(work.payload))


@register.filter
def attr(thing: object, name: str) -> object:
    """An attribute of what a filter has given, in the reader's language if it is a text."""
    value: object = getattr(thing, name)
    return translated(value) if isinstance(value, str) else value


@register.filter
def part(name: str, part: str) -> list[str]:
    """The templates that may show a part (`form`, `payload` or `result`) of a kind."""
    return templates_of(name, part)
