"""Rules about speech acts: whether an answer states something, or only asks, reports, supposes or mocks.

An embedding shows the topic of a sentence. It cannot tell 'use retrieval' from 'would one use retrieval?' or 'there
was talk of retrieval'. Most of these rules look at the sentences that the judge quoted, and some at the whole answer.
They only send the answer to a person and never cost points.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from challenges.kinds.rubric import Criterion
from challenges.marks import score
from graders.base import Mark
from graders.free_text.speech_acts.answer_detectors import repeats_itself, speaks, takes_back, tells_story
from graders.free_text.speech_acts.refusals import Vectors, refused, refuses
from graders.free_text.speech_acts.sentence_detectors import (
    Sentence,
    asks,
    commits_to_nothing,
    is_stub,
    mocks,
    reports,
    sentences_of,
    sentences_with,
)
from graders.free_text.text import words

Evidence = Mapping[str, Sequence[str]]
QUOTED = {"asks-only": asks, "reported-speech": reports, "no-commitment": commits_to_nothing}
UNCOMMITTED_SHARE = 0.5
STUBS_SHARE = 0.75
STUBS_SHARE_OF_LISTS = 0.5
LIST_SHARE = 0.7
REPORTED_SHARE = 0.3
QUIZ_MIN = 3
PADDED_SCORE = 0.6
QUOTED_SHARE_MIN = 0.36


def rules(
    text: str, rubric: Sequence[Criterion], marks: Mapping[str, Mark], evidence: Evidence, vectors: Vectors
) -> list[str]:
    """Returns the rules that ask for a person.

    `text` is the cleaned answer, and `evidence` holds its verbatim quotes by criterion. `vectors` holds the embeddings
    of the phrases that the answer advises against and of the author's phrases.
    """
    quoted = {
        c.id: sentences_with(evidence.get(c.id, ()), text) for c in rubric if marks[c.id] in (Mark.MET, Mark.PARTIAL)
    }
    broken = [f"{rule}: {id}" for id, parts in quoted.items() for rule in _acts(parts)]
    broken += _of_the_whole(text)
    broken += ["stubs-quoted"] if _rests_on_stubs(text, rubric, quoted) else []
    met = [c for c in rubric if marks[c.id] is Mark.MET and c.kind != "must_not_claim"]
    broken += [f"advises-against: {id}" for id in refuses(met, rubric, refused(text), vectors)]
    return broken + (["mostly-beside"] if _is_padded(text, rubric, marks, quoted) else [])


def _acts(parts: Sequence[Sentence]) -> list[str]:
    return [rule for rule, does in QUOTED.items() if any(does(part) for part in parts)]


def _is_padded(
    text: str, rubric: Sequence[Criterion], marks: Mapping[str, Mark], quoted: Mapping[str, Sequence[Sentence]]
) -> bool:
    """Returns whether most of the points come from a small part of the answer's words."""
    sentences = {part.text for parts in quoted.values() for part in parts}
    share = sum(len(words(one)) for one in sentences) / max(1, len(words(text)))
    return score(rubric, marks) >= PADDED_SCORE and share < QUOTED_SHARE_MIN


def _of_the_whole(text: str) -> list[str]:
    parts = sentences_of(text)
    uncommitted = sum(bool(_acts([part])) for part in parts)
    checks = {
        "irony": any(mocks(part) for part in parts),
        "takes-back": takes_back(text),
        "story": tells_story(text),
        "repetition": repeats_itself(text),
        "nothing-of-its-own": not speaks(text) and sum(map(reports, parts)) >= REPORTED_SHARE * len(parts),
        "mostly-uncommitted": uncommitted >= max(2, UNCOMMITTED_SHARE * len(parts))
        or (not speaks(text) and _is_a_quiz(parts)),
    }
    return [rule for rule, is_true in checks.items() if is_true]


def _is_a_quiz(parts: Sequence[Sentence]) -> bool:
    """Returns whether there are at least `QUIZ_MIN` questions, and about as many questions as other sentences."""
    questions = sum(part.text.endswith("?") for part in parts)
    return questions >= QUIZ_MIN and 2 * questions >= len(parts) - 1


def _rests_on_stubs(text: str, rubric: Sequence[Criterion], quoted: Mapping[str, Sequence[Sentence]]) -> bool:
    """Returns whether most points with quotes come only from headings, table rows or keywords, called stubs.

    If most lines of the answer are stubs, half of the points are enough.
    """
    points = {c.id: c.points for c in rubric if quoted.get(c.id)}
    stubs = sum(points[id] for id in points if all(is_stub(part) for part in quoted[id]))
    lines = sentences_of(text)
    is_list = sum(map(is_stub, lines)) >= LIST_SHARE * len(lines)
    return bool(points) and stubs >= (STUBS_SHARE_OF_LISTS if is_list else STUBS_SHARE) * sum(points.values())
