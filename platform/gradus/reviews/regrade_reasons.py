"""The reasons why a regrade did not change a grade, in words for the people who started it."""

from collections.abc import Mapping

# Reasons for answers that were graded again.
KEPT = {
    "decided": "a person has decided the grade",
    "lowers": "the new grade is lower, and only a person may lower a grade that was shown",
    "in_doubt": "the new grade is only provisional",
    "appealed": "an appeal is open",
    "own_answer": "it is the answer of the person who approved",
    "superseded": "it was graded again in the meantime",
    "not_held": "it was graded again in the meantime",
    "open": "it was being graded at that moment",
    "not_graded": "it could not be graded again",
}
# Reasons for answers that were not graded again.
LEFT_OUT = {
    "decided": "a person had decided the grade",
    "appealed": "an appeal was open",
    "open": "it was being graded",
}


def counted(counts: Mapping[str, int], words: Mapping[str, str]) -> list[tuple[str, int]]:
    """Returns the reasons in words with their counts, in the order of `words`, without those that count 0."""
    return [(text, counts[reason]) for reason, text in words.items() if counts.get(reason)]
