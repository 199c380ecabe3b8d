"""Detects irony by words that signal that the opposite of a statement is meant."""

from __future__ import annotations

import re

from graders.free_text.passage import Passage

_IRONY = re.compile(
    r"\b(?:oh|ah|yeah|yes)[,!]?\s+(?:sure|right|yes|of\s+course|please|great|brilliant|wonderful|how)\b|\bof\s+course!"
    r"|\bwhat\s+could\s+(?:possibly\s+)?go\s+wrong\b|\bgood\s+luck\s+with\b|\bas\s+if\b(?=[^.!?]*[.!]?$)(?=\s+(?:anyone|anybody|that|it|any|the|a)\b)"
    r"|\bbecause\s+(?:that|this|nothing|everybody|everyone)\s+(?:\w+\s+)?(?:always|says|never|worked|works)\b"
    r"|\b(?:what\s+a|how)\s+(?:\w+\s+)?(?:brilliant|clever|genius|wonderful|original|marvell?ous|amazing|splendid|bright|charming|convenient|thrilling|magnificent|stroke\s+of\s+genius)\b"
    r"|\b(?:brilliant|genius|splendid|bravo|hooray|hurrah|marvell?ous|magnificent|fantastic|wow)\s*[!,]"
    r"|\b(?:i'm|i\s+am)\s+sure\s+(?:that\s+)?(?:it|that|this|everybody|everyone|nobody|nothing)\b[^.!?]*!"
    r"|(?<!\S)/s\b|\U0001f644|\U0001f609|\(!\)|\b(?:surely|clearly|obviously|naturally)\b[^.?!]*!"
    r"|\b(?:just|exactly)\s+what\s+(?:we|everyone|everybody|the\s+world)\s+(?:need|needs|needed|was\s+waiting)\b"
    r"|\b(?:double\s+|big\s+)?wink\b|,\s*cough\b|\bnudge,?\s+nudge\b|\bhaha\b|\bha,?\s+ha\b|\bsarcas|\birony\b|\bironic",
    re.IGNORECASE,
)


def mocks(passage: Passage) -> bool:
    """Whether the sentence, or a short remark next to it, contains a sign of irony."""
    return bool(_IRONY.search(passage.sentence))
