"""Detects answers that state nothing as a whole: retractions, stories, and padding that repeats itself."""

from __future__ import annotations

import re

from graders.free_text.speech_acts.sentence_detectors import sentences_of
from graders.free_text.text import content_words

_OWN = re.compile(
    r"\b(?:i|we)(?:'d|'ll|\s+(?:\w+\s+)?(?:would|will|should|must|think|recommend|suggest|advise|propose|agree|choose"
    r"|prefer|guess|expect))\b|\bmy\s+(?:\w+\s+)?(?:plan|advice|proposal|recommendation|suggestion|view|opinion)\b",
    re.IGNORECASE,
)


def speaks(text: str) -> bool:
    """Returns whether the text contains a sentence such as 'I would ...', 'we should ...' or 'my advice is ...'."""
    return _OWN.search(text.replace("\u2019", "'")) is not None


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
    """Returns whether a sentence withdraws the rest of the answer, or disagrees with it without giving other advice."""
    if _TAKES_BACK.search(text) or _DISOWNS.search(text):
        return True
    return any(not speaks(text[match.end() :]) for match in _DISAGREES.finditer(text))


STORY_SHARE_MIN = 0.5
STORY_SENTENCES_MIN = 3
_DREAM = re.compile(
    r"\b(?:dream(?:ed|t)\s+(?:of|that|about|i)|in\s+my\s+dream|i\s+(?:woke\s+up|fell\s+asleep))\b", re.IGNORECASE
)
_OPENS = re.compile(
    r"\bonce\s+upon\s+a\s+time\b|\blong\s+ago\b|\bthere\s+(?:once\s+)?(?:was|lived)\s+(?:once\s+)?an?\b", re.IGNORECASE
)
_PAST = re.compile(
    r"\b(?:he|she|they|it|we|i|who|[A-Z][a-z]+|(?:the|a|an|her|his|their|old|young)\s+\w+)\s+(?:\w+ly\s+|had\s+|then\s+|never\s+)?"
    r"(?:said|went|came|told|thought|found|saw|knew|took|made|gave|left|began|stood|sat|felt|kept|heard|ran|got|put|wrote"
    r"|spoke|fell|held|brought|bought|sold|lost|met|read|woke|drank|ate|shook|drew|sang|had"
    r"|(?:ask|answer|smil|laugh|nod|whisper|sigh|look|want|turn|walk|lik|lov|open|clos|learn|remember|dream|mutter|murmur|reply|repli|cri|shout|work|talk|call|explain|wonder|stare|point|pour|shrug|grin|stopp|start|decid|mov|return|wait|liv|us|tri|pass|stay|help|hop|promis|pull|push|pick|typ|glanc|paus|add)ed)\b"
)


def tells_story(text: str) -> bool:
    """Returns whether the text tells a dream or mostly past events, and nothing about what the learner would do."""
    if _DREAM.search(text):
        return True
    if speaks(text):
        return False
    sentences = sentences_of(text)
    past = sum(_PAST.search(sentence.text) is not None for sentence in sentences)
    if _OPENS.search(text) and past >= 2:
        return True
    return len(sentences) >= STORY_SENTENCES_MIN and past / len(sentences) >= STORY_SHARE_MIN


PADDING_WINDOW = 40
PADDING_WORDS_MIN = 25
# The open honest answers have at least 0.76 distinct content words, counted over the whole answer.
DISTINCT_MIN = 0.68


def repeats_itself(text: str) -> bool:
    """Returns whether few content words are distinct, on average over stretches of 40 content words."""
    tokens = content_words(text)
    if len(tokens) < PADDING_WORDS_MIN:
        return False
    starts = range(0, max(1, len(tokens) - PADDING_WORDS_MIN + 1), PADDING_WINDOW)
    stretches = [tokens[start : start + PADDING_WINDOW] for start in starts]
    return sum(len(set(part)) / len(part) for part in stretches) / len(stretches) < DISTINCT_MIN
