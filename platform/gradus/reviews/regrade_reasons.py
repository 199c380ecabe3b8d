"""Why a regrade left a grade as it was, in words for those who started it."""

from collections.abc import Mapping

# Of answers that were graded again.
KEPT = {
    "decided": "a person decided the grade, and it stays",
    "lowers": "it would go down, and lowering a grade that was shown needs a person's approval",
    "in_doubt": "the new grade is in doubt itself",
    "appealed": "an appeal is open",
    "own_answer": "it is the answer of the person who approved",
    "superseded": "it was graded anew in the meantime",
    "not_held": "it was graded anew in the meantime",
    "open": "it was being graded at that moment",
    "not_graded": "it could not be graded again",
}
# Of answers that were not graded again at all.
LEFT_OUT = {
    "decided": "a person had decided the grade",
    "appealed": "an appeal was open",
    "open": "another grading was under way",
}


def counted(counts: Mapping[str, int], words: Mapping[str, str]) -> list[tuple[str, int]]:
    """Reasons in words with their counts, in the order of `words`; those that count nothing are left out."""
    return [(text, counts[reason]) for reason, text in words.items() if counts.get(reason)]
