"""Detects sentences with which an answer takes back its earlier statements."""

from __future__ import annotations

import re

from graders.free_text.own_voice import speaks

_DISAGREES = re.compile(
    r"\b(?:i|we)\s+(?:\w+\s+)?(?:see|view|judge)\s+(?:it|this|that|things|all\s+\w+|the\s+matter)\s+(?:\w+\s+)?(?:differently|otherwise|another\s+way)\b"
    r"|\b(?:i|we)\s+(?:do\s+not|don't|cannot|can't|could\s+not|couldn't|would\s+not|wouldn't)\s+(?:\w+\s+)?"
    r"(?:agree|share|subscribe|endorse|follow|believe\s+(?:a\s+word|any|in\s+any|it|this|that\.|them))\b"
    r"|\b(?:i|we)\s+(?:disagree|reject|dismiss|oppose|decline)\b",
    re.IGNORECASE,
)
_TAKES_BACK = re.compile(
    r"\b(?:i|we)\s+(?:do\s+not|don't|cannot|can't|could\s+not|couldn't|would\s+not|wouldn't)\s+(?:\w+\s+)?"
    r"(?:recommend\s+(?:any|it|this|that|them)\b|do\s+any\s+of|support\s+(?:it|this|that|any|them)|buy\s+(?:it|this|that|any)"
    r"|stand\s+(?:by|behind)|mean\s+(?:it|this|that|any|a\s+word))\b"
    r"|\b(?:i|we)\s+(?:withdraw|retract|take\s+(?:it|that|this|all|everything)\s+(?:\w+\s+)*back)\b"
    r"|\b(?:i|we)\s+(?:was|am|were|are|'m)\s+(?:only\s+|just\s+)?(?:joking|kidding|teasing|pretending)\b|\b(?:just|only)\s+(?:joking|kidding)\b"
    r"|\bwrong\s+on\s+(?:every|all|each)\b|\bevery\s+word\s+(?:of\s+\w+\s+)?(?:\w+\s+){0,3}(?:mistaken|wrong|false|nonsense)\b"
    r"|\bdevil's\s+advocate\b|\bfor\s+the\s+sake\s+of\s+(?:the\s+)?argument\b|\bend\s+of\s+(?:the\s+)?argument\b|\bspeak(?:ing)?\s+for\s+(?:the|my)\s+(?:critics|opponents|others)\b"
    r"|\btake\s+the\s+other\s+side\b|\bopposite\s+(?:conclusion|view|opinion|day|side)\b|\b(?:reverse|opposite|contrary)\s+of\s+what\b|\bturn\s+(?:all\s+of\s+)?(?:it|this|that)\s+around\b"
    r"|\bapril\s+fool|\bif\s+you\s+believed?\b|\b(?:forget|ignore|scratch|strike|disregard)\s+(?:all\s+|everything\s+|what\s+)?(?:of\s+)?(?:that|this|it|the\s+above|i\s+(?:said|wrote|just)|above)\b"
    r"|\b(?:the\s+)?(?:exact\s+)?opposite\s+(?:is|of\s+(?:this|that|all|what|the\s+above)|would\s+be)\b"
    r"|\b(?:none|nothing|not\s+(?:one|a\s+word|any))\s+of\s+(?:this|that|it|these|those|the\s+above|what\s+(?:i|was|has))\b"
    r"|\b(?:all\s+(?:of\s+)?|everything\s+|what\s+)(?:this|that|it|the\s+above|above|i\s+(?:said|wrote|have\s+(?:said|written)))\s+(?:\w+\s+){0,2}(?:is|was|are|would\s+be|seems?)\s+(?:\w+\s+)?"
    r"(?:wrong|false|nonsense|mistaken|a\s+mistake|bad\s+advice|untrue|rubbish|a\s+joke|not\s+(?:true|right|what|how|my))\b"
    r"|\b(?:that|this|which|these|it)(?:'s|\s+is|\s+are|\s+was)\s+(?:exactly\s+|precisely\s+|just\s+)?(?:what|how)\s+(?:i|we|one|nobody|no\s+one)\s+(?:would|should|must)(?:\s+(?:never|not)|n't)\b"
    r"|\b(?:on\s+(?:second\s+thoughts?|reflection)|thinking\s+(?:again|better\s+of\s+it))\b|\bi(?:'ve|\s+have)\s+changed\s+my\s+mind\b"
    r"|\bmy\s+(?:own\s+)?(?:view|opinion|advice|answer|conclusion|recommendation)\s+is\s+(?:the\s+(?:opposite|reverse)|different|another|none)\b"
    r"|\bso\s+(?:much\s+for|they\s+say|i\s+am\s+told|the\s+story\s+goes)\b|\b(?:don't|do\s+not)\s+(?:do|follow)\s+(?:any|it|this|that)\b"
    r"|\bthe\s+(?:reverse|contrary)\s+(?:is|holds)\b",
    re.IGNORECASE,
)

_VIEW = r"(?:position|view|opinion|stance|side|sides|judge?ment|comment|conclusion|recommendation|advice|belief)s?"
# Minutes and summaries without an opinion of their own, and opinions that the learner no longer holds.
_DISOWNS = re.compile(
    rf"\b(?:takes?|offers?|draws?|express(?:es)?)\s+(?:here\s+)?no\s+(?:\w+\s+)?{_VIEW}\b"
    rf"|\b(?:refrains?|abstains?)\s+from\s+(?:\w+\s+){{0,3}}{_VIEW}\b"
    rf"|\bwithout\s+(?:any\s+|a\s+)?(?:\w+\s+)?{_VIEW}\s+of\s+(?:my|our|his|her|their|its)\s+own\b"
    rf"|\bno\s+longer\s+(?:hold|have|share|believe|think|defend)\s+(?:\w+\s+){{0,4}}(?:{_VIEW}|so|any\s+of|it|this|that)\b",
    re.IGNORECASE,
)


def takes_back(text: str) -> bool:
    """Whether a sentence withdraws the rest of the answer, or disagrees with it without giving other advice."""
    if _TAKES_BACK.search(text) or _DISOWNS.search(text):
        return True
    return any(not speaks(text[match.end() :]) for match in _DISAGREES.finditer(text))
