"""Detects sentences that state nothing: questions, reports, suppositions, irony and stubs.

Each detector looks at one sentence and, where that matters, at its neighbours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from graders.free_text.text import find_quote, sentence_spans, words


@dataclass(frozen=True)
class Sentence:
    """A sentence or line of an answer; `before` and `after` are its neighbours, empty at the ends of the answer."""

    text: str
    before: str = ""
    after: str = ""


def sentences_of(text: str) -> list[Sentence]:
    """Returns all sentences and lines of an answer with their neighbours, in order."""
    parts = [text[a:b].strip() for a, b in sentence_spans(text)]
    return [
        Sentence(part, parts[n - 1] if n else "", parts[n + 1] if n + 1 < len(parts) else "")
        for n, part in enumerate(parts)
    ]


def sentences_with(quotes: Iterable[str], text: str) -> list[Sentence]:
    """Returns the sentences that contain verbatim quotes of an answer, each once, in the order of the answer."""
    quoted = [span for quote in quotes if (span := find_quote(quote, text)) is not None]
    kept = sentences_of(text)
    spans = [(a, b) for a, b in sentence_spans(text)]
    return [
        sentence
        for sentence, (start, end) in zip(kept, spans, strict=True)
        if any(start < b and a < end for a, b in quoted)
    ]


# 'Fine-tuning? Not planned.' and 'Why? Because ...' answer their own question.
HEADING_WORDS_MAX = 6
_INDIRECT = re.compile(
    r"\b(?:i|we)\s+(?:\w+\s+)?(?:wonder|have\s+yet\s+to|am\s+still\s+to|would\s+like\s+to\s+know|want\s+to\s+know)\b"
    r"|\b(?:i|we)\s+(?:ask|am\s+asking|are\s+asking|keep\s+asking)\s+(?:myself|ourselves|if|whether)\b"
    r"|\b(?:not\s+sure|no\s+idea|not\s+certain|unclear|undecided|open\s+question|remains\s+to\s+be\s+seen)\b"
    r"|\b(?:i|we)\s+(?:do\s+not|don't|cannot|can't|could\s+not|couldn't)\s+(?:know|say|tell|decide)\s+(?:if|whether)\b"
    r"|\bwhether\b.*\bwhether\b|\b(?:questions?|matters?|points?|topics?|issues?|discussion|debate)\s+(?:is|was|remains|of|for\s+\w+)?\s*whether\b"
    r"|\b(?:asked?|clarif(?:y|ied)|discuss(?:ed)?|consider(?:ed)?|ponder(?:ed)?|debated?|wonder(?:ed)?)\s+whether\b"
    r"|\b(?:true\s+or\s+false|right\s+or\s+wrong|yes\s+or\s+no)\b"
    r"|^\W*(?:whether|if\s+only\s+i\s+knew)\b",
    re.IGNORECASE,
)


def asks(sentence: Sentence) -> bool:
    """Returns whether the sentence asks a question that the next words do not answer."""
    if _INDIRECT.search(sentence.text):
        return True
    if not sentence.text.rstrip("\"')\u201d\u2019 ").endswith("?"):
        return False
    is_answered = bool(sentence.after) and not sentence.after.rstrip().endswith("?")
    return not (is_answered and len(words(sentence.text)) <= HEADING_WORDS_MAX)


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


def reports(sentence: Sentence) -> bool:
    """Returns whether the sentence ascribes its statement to another person and the learner does not agree with it."""
    match = _REPORTS.search(sentence.text)
    if match is None or _CONDITION.search(sentence.text[: match.start()]):
        return False
    return not (_AGREES.search(sentence.text) or _AGREES.search(sentence.after))


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


def commits_to_nothing(sentence: Sentence) -> bool:
    """Returns whether the sentence only supposes, considers or wishes for something."""
    return bool(_WEIGHS.search(sentence.text) or _WISHES.search(sentence.text))


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


def mocks(sentence: Sentence) -> bool:
    """Returns whether the sentence, or a short remark next to it, contains a sign of irony."""
    return bool(_IRONY.search(sentence.text))


STUB_WORDS_MIN = 4
# Auxiliaries and common verbs in finite forms. A line that begins with an imperative also is a sentence.
_FINITE = re.compile(
    r"\b(?:is|are|was|were|am|be|been|has|have|had|do|does|did|will|would|can|could|shall|should|may|might|must|cannot"
    r"|\w+n't|\w+'(?:s|re|ve|ll|d|m)|i|we|you|he|she|they|it|that|which|who|because|since|so|when|while|whereas|if|as|until|unless"
    r"|needs?|goes?|gets?|makes?|takes?|gives?|puts?|keeps?|means?|says?|wants?|works?|stays?|changes?|costs?|pays?|comes?|holds?"
    r"|becomes?|begins?|starts?|ends?|helps?|lets?|saves?|uses?|knows?|shows?|learns?|reads?|finds?|looks?)\b",
    re.IGNORECASE,
)
_TABLE = re.compile(
    r"^\s*\|.*\|\s*$|\t.*\t|(?:(?:=>|->|\u2192|\u21d2).*){3}|(?:\s/\s.*){3}|\S\s*\|\s*\S.*\|\s*\S|^\s*(?:[-*\u2022\u2013]|\d+[.)])\s+\S{0,40}\s*$"
)


def is_stub(sentence: Sentence) -> bool:
    """Returns whether the line has no verb, is a row of a table, or is too short to give a reason."""
    line = sentence.text
    if _TABLE.search(line):
        return True
    return len(words(line)) < STUB_WORDS_MIN or _FINITE.search(line) is None
