"""The reasons why a regrade did not change a grade, in words for the people who started it."""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

# Reasons for answers that were graded again.
KEPT = {
    "decided": _("a person has decided the grade"),
    "lowers": _("the new grade is lower, and only a person may lower a grade that was shown"),
    "in_doubt": _("the new grade is only provisional"),
    "appealed": _("an appeal is open"),
    "own_answer": _("it is the answer of the person who approved"),
    "superseded": _("it was graded again in the meantime"),
    "not_held": _("it was graded again in the meantime"),
    "open": _("it was being graded at that moment"),
    "not_graded": _("it could not be graded again"),
}
# Reasons for answers that were not graded again.
LEFT_OUT = {
    "decided": _("a person had decided the grade"),
    "appealed": _("an appeal was open"),
    "open": _("it was being graded"),
}


def counted(counts: Mapping[str, int], words: Mapping[str, str | Promise]) -> list[tuple[str, int]]:
    """Returns the reasons in words with their counts, in the order of `words`, without those that count 0."""
    return [(str(text), counts[reason]) for reason, text in words.items() if counts.get(reason)]
