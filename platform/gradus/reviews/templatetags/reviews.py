"""How the pages for reviewers write a mark, an answer with its quotes, and what calls of the judge cost."""

from collections.abc import Iterable

from django import template
from django.template.defaultfilters import floatformat, linebreaksbr
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import ngettext, pgettext_lazy

from gradus.reviews.evidence import Line, Piece
from gradus.reviews.spending import CallTotals

register = template.Library()
MARKS = {
    "met": pgettext_lazy("a mark", "met"),
    "partial": pgettext_lazy("a mark", "half"),
    "not_met": pgettext_lazy("a mark", "not met"),
    "cannot_tell": pgettext_lazy("a mark", "could not tell"),
}

FORBIDDEN = {
    "met": pgettext_lazy("a mark", "met (the answer does not claim it)"),
    "not_met": pgettext_lazy("a mark", "not met (the answer claims it)"),
}


@register.filter
def mark_name(mark: str | None) -> str | Promise:
    """A mark in the reader's language. A mark that the site does not know is shown as the judge wrote it."""
    return MARKS.get(mark or "") or format_html('<span lang="">{}</span>', mark)


@register.filter
def machine_mark(line: Line) -> str | Promise:
    """The machine's mark of a criterion. If the criterion forbids a claim, it is said whether the answer makes it."""
    return FORBIDDEN.get(line.mark, mark_name(line.mark)) if line.is_forbidden else mark_name(line.mark)


@register.filter
def quoted(pieces: Iterable[Piece]) -> SafeString:
    """The answer, in which each quote names the criteria that the machine quoted it for."""
    parts = ((linebreaksbr(one.text), " ".join(one.criteria)) for one in pieces)
    return format_html_join(
        "",
        "{}",
        ((format_html('<mark data-quotes="{}">{}</mark>', ids, text) if ids else text,) for text, ids in parts),
    )


@register.filter
def cost(calls: CallTotals) -> SafeString:
    """The amount in each currency, and how many of the calls have no known cost."""
    amounts = format_html_join(
        ", ",
        '{}&nbsp;<span lang="">{}</span>',
        ((floatformat(amount, 4), currency) for currency, amount in calls.costs),
    )
    if not calls.unpriced:
        return amounts
    unknown = ngettext("%(number)s call of unknown cost", "%(number)s calls of unknown cost", calls.unpriced)
    return format_html("{}{}{}", amounts, "; " if amounts else "", unknown % {"number": calls.unpriced})
