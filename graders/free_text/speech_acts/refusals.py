"""Detects answers that advise against the very thing for which the judge gave points.

An honest answer may advise against something too, as in 'Instead of fine-tuning, I would use retrieval'. It differs
from 'avoid retrieval' only in what is refused. So the refused words are compared with the phrases that the author
accepts and rejects.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from challenges.kinds.rubric import Criterion
from graders.free_text.text import content_words, sentences

Vectors = Mapping[str, NDArray[np.float64]]
SCOPES_MAX = 24
LIKENESS_MIN = 0.5
MARGIN_MIN = 0.1
MARGIN_ALONE = 0.27

_CUE = re.compile(
    r"\b(?:avoid(?:s|ed|ing)?|refrain(?:s|ed|ing)?\s+from|(?:steer|stay|keep)\s+(?:clear\s+of|away\s+from|off|out\s+of)"
    r"|anything\s+but|(?:would|'d)\s+sooner\s+[^.!?;:,\n]+?\s+than|keep\s+(?:me|us|it|them|him|her)\s+away\s+from|far\s+from|instead\s+of|rather\s+than|in\s+place\s+of|(?:advise|warn|decide|argue|vote|recommend|am|be|are|speaks?)\s+(?:strongly\s+|firmly\s+)?against"
    r"|hands\s+off|no\s+(?:need|reason|point|use|sense|case)\s+(?:for|to|in|of)|(?:skip|drop|abandon|reject|dismiss|forget|scrap|ditch|ban|forbid|resist|decline|oppose|omit|shun)(?:s|ed|ing)?"
    r"|leave\s+(?:out|aside|off)(?!\s+(?:is|are))|do\s+without|(?:do|does|did|would|should|must|will|shall|could|can|may|need)\s+(?:not|never)"
    r"|(?:do|does|did|would|should|must|wo|could|ca|need)n't|cannot|never|it\s+is\s+(?:a\s+)?(?:wrong|mistaken|foolish|pointless|useless|unwise|mistake|error|bad\s+idea)\s+to"
    r"|(?:pointless|useless|unwise|foolish|wrong|mistake|waste\s+of\s+(?:time|money|effort))\s+to|(?:would\s+be|is)\s+(?:quite\s+|simply\s+)?(?:wrong|an?\s+(?:error|mistake|blunder))\s+to\s+(?:\w+\s+that)?|nobody\s+should|no\s+one\s+should|not\s+to)\s+(?P<refused>[^.!?;:\n]+)",
    re.IGNORECASE,
)
# A reason or a contrast ends the refused words.
_END = re.compile(
    r",|\s(?:but|because|since|as|so|and\s+instead|instead|unless|until|before|if|when|while|whereas|for\s+(?:it|that|this|they)|that\s+would|which)\b"
    r"|\s[-\u2013\u2014]\s",
    re.IGNORECASE,
)
# In 'X is a mistake' the refused words stand before the verdict.
_VERDICT = re.compile(
    r"(?P<refused>[^.!?;:,\n]+?)\s+(?:is|are|would\s+be|seems?|looks?)\s+(?:\w+\s+)?(?:an?\s+(?:\w+\s+)?(?:mistake|error|blunder|injustice|bad\s+idea|dead\s+end|waste|trap)"
    r"|the\s+worst\b|pointless|useless|unwise|foolish|overrated|out\s+of\s+the\s+question|not\s+(?:needed|necessary|worth|advisable|the\s+(?:way|answer|place|right))|unnecessary|the\s+wrong|wrong\s+here)\b",
    re.IGNORECASE,
)


def refused(text: str) -> list[str]:
    """Returns the phrases that an answer advises against, in order, without those of fewer than two content words."""
    scopes = []
    for sentence in sentences(text):
        scopes += [_END.split(match["refused"])[0].strip() for match in _CUE.finditer(sentence)]
        scopes += [match["refused"].strip() for match in _VERDICT.finditer(sentence)]
    return list(dict.fromkeys(scope for scope in scopes if len(content_words(scope)) >= 2))[:SCOPES_MAX]


def compared(text: str, rubric: Sequence[Criterion]) -> tuple[str, ...]:
    """Returns the texts whose embeddings `refuses` needs."""
    return (*refused(text), *(phrase for c in rubric for phrase in (*c.accept, c.text, *c.reject)))


def refuses(
    criteria: Sequence[Criterion], rubric: Sequence[Criterion], scopes: Sequence[str], vectors: Vectors
) -> tuple[str, ...]:
    """Returns the ids of the `criteria` whose accepted phrases the answer refuses, rather than their rejected phrases.

    One refusal counts if it is much nearer to the accepted than to the rejected phrases. A smaller difference is enough
    if two different refusals concern two criteria, because an honest answer refuses one thing and advises the rest.
    `vectors` holds an embedding of length 1 for each scope and each phrase of the author.
    """
    bad = [vectors[phrase] for c in rubric for phrase in c.reject]
    refusals = {c.id: near for c in criteria if (near := _nearest(c, bad, scopes, vectors)) is not None}
    if len({scope for scope, _ in refusals.values()}) >= 2:
        return tuple(refusals)
    return tuple(id for id, (_, margin) in refusals.items() if margin >= MARGIN_ALONE)


def _nearest(
    criterion: Criterion, bad: Sequence[NDArray[np.float64]], scopes: Sequence[str], vectors: Vectors
) -> tuple[str, float] | None:
    """Returns the refused scope most similar to accepted phrases, and how much less similar it is to rejected ones."""
    best: tuple[str, float] | None = None
    for scope in scopes:
        near = max(float(vectors[scope] @ vectors[phrase]) for phrase in criterion.accept or (criterion.text,))
        margin = near - max((float(vectors[scope] @ phrase) for phrase in bad), default=0.0)
        if near >= LIKENESS_MIN and margin >= max(MARGIN_MIN, best[1] if best else 0.0):
            best = (scope, margin)
    return best
