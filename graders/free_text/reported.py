"""Detects sentences that report the words of another person without the learner's agreement."""

from __future__ import annotations

import re

from graders.free_text.passage import Passage

_WHO = (
    r"(?:he|she|the\s+(?:first|second|third|other|former|latter|last)(?:\s+(?:one|speaker|guest|person|of\s+them))?"
    r"|the\s+(?:person|man|woman|one|guy|girl|boy)\s+(?:\w+\s+){1,3}|some|others?|many|most|several|people|they|everyone|everybody|someone|somebody|one\s+(?:side|group|camp)"
    r"|(?:(?:the|my|our|a|an|one|another|certain|some|many|most|several|various|two|three)\s+)?(?:\w+\s+){0,2}"
    r"(?:colleagues?|experts?|consultants?|vendors?|salesm[ae]n|critics?|advocates|proponents|teachers?|boss|manager"
    r"|friends?|brother|sister|uncle|aunt|cousin|neighbou?rs?|lesson|lecture|lecturer|course|textbook|book|video|blog"
    r"|article|paper|speaker|podcast|handbook|voices|engineers?|analysts?|commentators?|forums?|internet|newspaper))"
)
_VERB = (
    r"(?:says?|said|argues?|argued|claims?|claimed|suggests?|suggested|recommends?|recommended|insists?|insisted"
    r"|maintains?|maintained|believes?|believed|holds?\s+that|held\s+that|mentions?|mentioned|thinks?|thought|swears?"
    r"|propos(?:es?|ed)|advis(?:es?|ed)|favou?r(?:s|ed)?|praises?|praised|explain(?:s|ed)\s+to|(?:told|tells?|wrote|writes?|spoke|speaks?|talked|talks?)\s+(?:that|of|me|us|something|down)|wanted"
    r"|would\s+(?:say|argue|claim|suggest|recommend|propose|advise)|(?:is|are)\s+(?:convinced|of\s+the\s+opinion))"
)
_REPORTS = re.compile(
    rf"(?<![\w-])(?<!what\s)(?<!whatever\s)(?<!that\s)(?<!than\s){_WHO}(?:\s+\w+ly|\s+(?:in|at|from|on|of|over)\s+(?:\w+\s+){{1,3}}|\s+who\s+(?:\w+\s+){{1,4}})?\s*"
    rf"(?:have\s+|has\s+|had\s+|always\s+|often\s+|will\s+|also\s+)?{_VERB}\b"
    r"|\bthere\s+(?:was|were|is|has\s+been|had\s+been)\s+(?:\w+\s+){0,2}(?:talk|mention|rumou?rs?|word|discussion|a\s+suggestion)\b"
    r"|\bit\s+(?:is|was|has\s+been|had\s+been)\s+(?:\w+\s+)?(?:said|claimed|argued|suggested|recommended|mentioned|rumou?red"
    r"|proposed|alleged|reported|believed|thought|held)\b"
    r"|\b(?:is|are|was|were)\s+(?:\w+\s+)?(?:said|supposed|alleged|rumou?red|reputed|reported|believed|thought)\s+to\b"
    r"|\b(?:supposedly|allegedly|reportedly|purportedly)\b|\brumou?r\s+has\s+it\b|\bword\s+has\s+it\b"
    r"|\baccording\s+to\s+(?!(?:what|which|how)\b)|\b(?:was|were|got)\s+(?:\w+\s+)?(?:brought\s+up|floated|mooted|put\s+forward|mentioned|discussed)\b"
    r"|\b(?:i|we)(?:'ve|\s+have|\s+had)?\s+(?:once\s+|also\s+|often\s+)?(?:heard|been\s+told|overheard)\b"
    r"|\b(?:i|we)\s+(?:was|were)\s+told\b|\b(?:i|we)(?:'ve|\s+have)?\s+read\s+(?:somewhere|that|about)\b"
    r"|\bthe\s+(?:view|opinion|claim|theory|idea|belief)\s+(?:that|according)\b|\b(?:posts?|articles?|threads?|blogs?)\s+(?:in|according\s+to)\s+which\b|\bcome\s+across\b"
    r"|\bone\s+(?:often\s+)?(?:hears|reads)\b|\byou\s+(?:often\s+)?hear\b",
    re.IGNORECASE,
)
# 'If customers still say that ...' states a condition and does not report anything.
_CONDITION = re.compile(
    r"\b(?:if|when|once|until|unless|whenever|as\s+soon\s+as|before|after)\b[^,;:.]*$", re.IGNORECASE
)
_AGREES = re.compile(
    r"\b(?:i|we)\s+(?:fully\s+|also\s+|quite\s+|do\s+)?(?:agree|think\s+so|share|believe\s+(?:so|that)|would\s+(?:do|use|say)\s+(?:so|that|the\s+same)|follow)\b"
    r"|\b(?:i|we)\s+think\s+(?:that\s+)?(?:she|he|they|it|this|that)\s+(?:is|are|was|were)\s+right\b"
    r"|\b(?:she|he|they|it|this|which|that|the\s+\w+)(?:'s|'re|\s+is|\s+are|\s+was|\s+were)\s+(?:\w+\s+)?(?:right|true|correct)\b|\b(?:and\s+)?rightly\s+so\b"
    r"|\b(?:and\s+)?so\s+(?:would|do|will|should)\s+(?:i|we)\b|\bas\s+(?:the|my|our)\s+(?:\w+\s+){1,2}(?:say|says|said|puts?|shows?|explains?|explained)\b",
    re.IGNORECASE,
)


def reports(passage: Passage) -> bool:
    """Whether the sentence ascribes its statement to another person and the learner does not agree with it."""
    match = _REPORTS.search(passage.sentence)
    if match is None or _CONDITION.search(passage.sentence[: match.start()]):
        return False
    return not (_AGREES.search(passage.sentence) or _AGREES.search(passage.after))
