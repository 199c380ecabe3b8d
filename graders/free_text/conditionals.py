"""Detects sentences that only suppose or wish for something, so that they state nothing."""

from __future__ import annotations

import re

from graders.free_text.passage import Passage

_SUBJECT = r"(?:one|someone|somebody|anyone|anybody|people|they|you|a\s+\w+|the\s+(?:shop|company|owner|team|firm))"
_WEIGHS = re.compile(
    rf"\bif\s+{_SUBJECT}\s+(?:\w+\s+)?(?:were|was|wanted|had\s+to|should|could|chose|decided|ever)\b"
    rf"|\b(?:were|should)\s+{_SUBJECT}\s+(?:\w+\s+)?(?:to|decide|choose|want|opt|go|use|ever)\b"
    r"|\b(?:(?<!i\s)suppose|supposing|(?<!i\s)imagine|hypothetically|theoretically|in\s+theory|conceivably|in\s+an\s+ideal\s+world)\b"
    r"|\b(?:one|someone|somebody|people|they)\s+(?:could|might|may)\b"
    r"|\b(?:might|could|may)\s+(?:\w+\s+)?(?:be\s+(?:worth|possible|conceivable|an\s+idea|an\s+option|considered|imagined"
    r"|tried|thought)|conceivably|perhaps|possibly)\b"
    r"|\b(?:perhaps|maybe|possibly)\s+(?:one|someone|somebody|it|that|this|they|there|a|an|the|then)\b"
    r"|\bwould\s+(?:perhaps|possibly|in\s+theory|theoretically|presumably)\b",
    re.IGNORECASE,
)
_WISHES = re.compile(
    r"\bhow\s+(?:nice|lovely|wonderful|good)\b|\b(?:i|we|one)\s+(?:only\s+|just\s+|do\s+|so\s+|really\s+)?(?:wish|hope|dream)\b|\bif\s+only\b|\bmy\s+(?:\w+\s+)?(?:wish|dream|hope)\b"
    r"|\b(?:it|that|this)\s+would\s+be\s+(?:so\s+|very\s+|really\s+|just\s+)?(?:nice|lovely|great|wonderful|good|cool|neat|fine|a\s+dream|perfect|ideal)\s+(?:if|to|when)\b"
    r"|\b(?:would|'d)\s+be\s+(?:so\s+|very\s+|really\s+)?(?:nice|lovely|wonderful|welcome|a\s+dream)\b"
    r"|\bi(?:'d|\s+would)\s+(?:so\s+|really\s+)?(?:love|like|adore)\s+(?:it\s+if|to\s+see|to\s+have|for|there)\b|\b(?:some\s?day|one\s+fine\s+day)\b",
    re.IGNORECASE,
)


def commits_to_nothing(passage: Passage) -> bool:
    """Whether the sentence only supposes, considers or wishes for something."""
    return bool(_WEIGHS.search(passage.sentence) or _WISHES.search(passage.sentence))
