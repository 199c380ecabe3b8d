"""Finds answers that hold the right words without stating them: taken back, only reported, or advised against.

An embedding shows the topic of a sentence, and a judge may fall for it. `TABLE` holds what the words themselves give
away. Every rule sends the answer to a person, and none costs points.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from challenges.kinds.rubric import Criterion
from graders.base import Mark
from graders.free_text.text import content_words, find_quote, sentence_spans, sentences

Vector = NDArray[np.float64]
Vectors = Mapping[str, Vector]


def _any(*phrases: str) -> re.Pattern[str]:
    """Compiles phrases, any of which may occur in a sentence with single spaces."""
    return re.compile("|".join(rf"(?<!\w)(?:{phrase})" for phrase in phrases), re.IGNORECASE)


def _single_spaced(sentence: str) -> str:
    # Besides plain patterns, this keeps a thousand spaces in a row from taking a worker's time.
    return " ".join(sentence.split())


ME = r"(?:i|we)(?: \w+)?"
NOT = r"(?:do not|don't|cannot|can't|could not|couldn't|would not|wouldn't)"
IT = r"(?:this|that|it|these|those|(?:the )?above|what (?:i|we|was|has|stands))\b"
VIEW = r"(?:position|view|opinion|stance|judge?ment|comment|conclusion|recommendation|advice|belief)s?\b"
PERSON = (
    r"(?:(?:the|my|our|an?|one|another|some|many|most|two) (?:\w+ ){0,2})?(?:colleagues?|experts?|vendors?"
    r"|consultants?|critics?|salesm[ae]n|advocates|teachers?|boss|manager|friends?|brother|sister|uncle|aunt|cousin|neighbou?rs?|lesson|course"
    r"|lecturer?|(?:text|hand)?book|video|blog|article|paper|speaker|podcast|voices|sources|camp|engineers?|analysts?"
    r"|forums?|internet|newspaper)"
)
WHO = (
    r"(?:he|she|they|people|every(?:one|body)|some(?:one|body)?|others?|many|most|several|the (?:first|second|third"
    rf"|other|former|latter|last)(?: (?:one|speaker|guest|person|camp))?|{PERSON})"
)
SAYS = (
    r"(?:sa(?:ys?|id)|argue[sd]?|claim(?:s|ed)?|suggest(?:s|ed)?|recommend(?:s|ed)?|insist(?:s|ed)?|maintain(?:s|ed)?"
    r"|believe[sd]?|h[eo]lds? that|mention(?:s|ed)?|thinks?|thought|propose[sd]?|advise[sd]?|favou?r(?:s|ed)?|swears?"
    r"|praise[sd]?|(?:told|tells?|wrote|writes?|spoke|speaks?|talk(?:s|ed)?) (?:that|of|me|us|about|down)|ha(?:s|ve) it"
    r" that|would (?:say|argue|claim|suggest|recommend|propose|advise)|(?:is|are) (?:convinced|of the opinion))\b"
)
# What the question itself says is no report of somebody's opinion.
IN_TASK = r" (?:\w+ )?(?:in|by) the (?:task|question|exercise|challenge|assignment|prompt)\b"
SAID = r"(?:said|claimed|argued|suggested|recommended|mentioned|rumou?red|proposed|alleged|reported|believed|thought)"

# 'The reverse holds for the validation loss' compares two cases, and takes nothing back.
OF_ONE_CASE = (
    r"(?: true| so| the case)? (?:for|in|on|at|with|when|if)\b(?! (?:all|every\w*|it|this|that|these|those)\b)"
)

TAKES_BACK = _any(
    rf"{ME} (?:withdraw|retract|take (?:\w+ ){{1,4}}back)\b",
    rf"{ME} {NOT} (?:\w+ )?(?:(?:recommend|support|buy|mean) (?:any|a word|{IT})|stand (?:by|behind)|do any of)",
    rf"(?:^|[,;:] )(?:please,? )?(?:forget|ignore|scratch|strike|disregard) (?:all |everything )?(?:of )?{IT}",
    r"(?:none|nothing|not (?:one|a word|any)|every word) of (?:this|that|it|(?:the )?above|what (?:i|was|has))\b"
    r"(?! (?:needs?|requires?|costs?|takes?|helps?|changes|explains?|shows?)\b)",
    r"(?:all (?:of )?|everything |what )(?:this|that|it|(?:the )?above|i (?:said|wrote|have (?:said|written))) "
    r"(?:\w+ ){0,2}(?:is|was|are) (?:\w+ )?(?:wrong|false|untrue|nonsense|mistaken|a (?:mistake|joke)"
    r"|bad advice(?! from))\b",
    r"(?:wrong on (?:every|all|each)|every word (?:\w+ ){0,4}(?:mistaken|wrong|false|nonsense|untrue))\b",
    r"(?:on second thoughts?|thinking (?:again|better of it)|thought about it again)\b",
    r"on reflection\b[^:;]{0,80}\b(?:(?:do|would|ca|could)n't|not|none|nothing|never|no longer|wrong|nonsense)\b",
    r"changed my mind\b(?! (?:halfway|midway|while|when|once|after)\b)",
    rf"no longer (?:hold|have|share|believe|think|defend) (?:\w+ ){{0,4}}(?:{VIEW}|so\b|{IT})",
    r"(?:was|am|were|are|just|only|'m) (?:only |just )?(?:joking|kidding|teasing|pretending)\b|april fool",
    r"devil's advocate|(?:sake|end) of (?:the |my )?argument|(?:take|belong to) the (?:other|second) (?:side|camp)",
    r"speak(?:ing)? for (?:the|my) (?:critics|opponents|others)|so (?:much for|they say|i am told|the story goes)\b",
    rf"(?:the|exact) (?:opposite|reverse|contrary) (?:is|holds|would be)\b(?!{OF_ONE_CASE})|opposite (?:day|{VIEW})",
    rf"(?:the|exact) (?:opposite|reverse|contrary) of (?:all|{IT})"
    r"(?! (?:\w+ ){0,2}(?:want|hope|expect|intend|happen))",
    rf"turn (?:all of )?(?:it|this|that) around|if you believed (?:all|any|a word|every\w*|me\b|{IT})",
    r"(?:that|this|which|it)(?:'s| is| was) (?:exactly |just )?(?:what|how) (?:i|we|one|nobody|no one) (?:would|should"
    r"|must)(?: (?:never|not)|n't)\b",
    rf"my (?:own )?{VIEW} is (?:the (?:opposite|reverse)|different(?!{OF_ONE_CASE})|another|none)\b",
)
HAS_NO_VIEW = _any(
    rf"(?:takes?|offers?|draws?|express(?:es)?) (?:here )?no (?:\w+ )?(?:{VIEW}|sides?(?! \w))",
    rf"have no {VIEW} of (?:my|our) own\b",
    rf"(?:refrains?|abstains?) from (?:\w+ ){{0,3}}{VIEW}",
    rf"without (?:any |a )?(?:\w+ )?{VIEW} of (?:my|our|his|her|their|its) own\b",
    r"not for me to (?:say|judge|choose|decide)\b",
)
DISAGREES = _any(
    rf"{ME} (?:see|view|judge) (?:it|this|that|things|all \w+|the matter) (?:\w+ )?(?:differently|otherwise)\b",
    rf"{ME} (?:{NOT} (?:\w+ )?(?:agree|share|subscribe|endorse|follow|believe(?: a word)?)|disagree|reject|dismiss"
    r"|oppose|decline)(?: with| to)?(?: (?:all|every\w*|any|this|that\.|it|them|these)\b|[.!;,]|$)",
)
SPEAKS = _any(
    r"(?:i|we)(?:'d|'ll| (?:\w+ )?(?:would|will|should|must|think|recommend|suggest|advise|propose|agree|choose|prefer"
    r"|guess|expect))\b|my (?:\w+ )?(?:plan|advice|proposal|recommendation|suggestion|view|opinion)\b",
)
REPORTS = _any(
    rf"(?<!what\s)(?<!whatever\s)(?<!that\s)(?<!than\s)(?<!-){WHO}(?: \w+ly| (?:in|at|from|on|of|over) (?:\w+ ){{1,3}}"
    rf"| who (?:\w+ ){{1,4}})?\s*(?:have |has |had |always |often |will |also )?{SAYS}",
    r"there (?:was|were|is|has been|had been) (?:\w+ ){0,2}(?:talk|mention|rumou?rs?|word|discussion|a suggestion)\b",
    rf"it (?:is|was|has been|had been) (?:\w+ )?{SAID}\b(?!{IN_TASK})",
    r"(?:is|are|was|were) (?:\w+ )?(?:said|alleged|rumou?red) to\b",
    r"(?:supposedly|allegedly|reportedly|purportedly|by all accounts)\b|(?:rumou?r|word) has it\b",
    rf"according to {PERSON}\b|(?:was|were|got) (?:\w+ )?(?:brought up|floated|mooted|put forward)\b(?! by)",
    r"(?:i|we)(?:'ve| have| had)? (?:once |also |often )?(?:heard|been told|overheard|read (?:somewhere|that|about))\b",
    rf"(?:i|we) (?:was|were) told\b(?!{IN_TASK})|(?:one|you) (?:often )?(?:hears?|reads)\b|i (?:\w+ )?c[ao]me across\b",
    r"the (?:view|opinion|claim|theory|idea|belief) that\b|(?:posts?|articles?|threads?|blogs?) (?:in|according to)"
    r" which\b",
)
# 'If customers still say that ...' states a condition, 'as the lesson says' agrees, and 'I would do it, whatever people
# say' speaks for itself.
CONDITION = re.compile(
    r"\b(?:if|when|once|until|unless|whenever|before|after|as|agree with)\b[^,;:.]*$|^i(?:'d| would| will)\b",
    re.IGNORECASE,
)
AGREES = _any(
    rf"{ME} (?:agree|think so|share|believe (?:so|that)|would (?:do|use|say) (?:so|that|the same)|follow)\b",
    r"(?:she|he|they|it|this|which|that|the \w+)(?:'s|'re| is| are| was| were) (?:\w+ )?(?:right|true|correct)\b",
    r"i think (?:that|this|it) (?:fits|holds|is)\b|rightly so\b|so (?:would|do|should) (?:i|we)\b",
    r"(?<=;\s)i(?:'d| would| will)\b|(?:i|we) think (?:that )?the same\b",
    r"(?:that|this|which)(?:'s| is) (?:\w+ )?(?:what|how) (?:i|we)(?:'d| do| will| would)\b(?! (?:not|never|avoid)\b)",
    r"so (?:i|we)(?:'d| will| would)\b(?! (?:not|never|rather|avoid|do (?:none|nothing))\b)",
    # What a passage says is compared with what the model did, or a saying with the case at hand.
    r"(?:but|yet|while|whereas) the (?:model|bot|assistant|system)(?: \w+)? (?:answer|repl|sa[iy]|g[ai]ve|wrote)",
    r"(?:however|but|yet),? (?:here|in (?:this|our) case),? (?:the|our)\b",
    r"is (?:\w+ )?(?:what|where it) (?:breaks|broke|fails|failed|misleads|misled|goes wrong|went wrong)\b",
)
# The words that the answer advises against stand after the cue, or before a verdict: 'X is a mistake'.
REFUSES = _any(
    r"(?:avoid(?:s|ed|ing)?|refrain(?:s|ed|ing)? from|(?:steer|stay|keep) (?:(?:me|us|it|them) )?(?:clear of|away from"
    r"|off|out of)|anything but|far from|(?:instead|in place) of|rather than|hands off|(?:advise|warn|decide|argue|vote"
    r"|recommend|am|be|are|speaks?) (?:\w+ly )?against|no (?:need|reason|point|use|sense|case) (?:for|to|in|of)|(?:skip"
    r"|drop|abandon|reject|dismiss|forget|scrap|ditch|ban|forbid|resist|decline|oppose|omit|shun)(?:s|ed|ing)?|leave"
    r" (?:out|aside|off)(?! (?:is|are))|do without|cannot|never|not to|(?:do|does|did|would|should|must|will|shall"
    r"|could|can|may|need) (?:not|never)|(?:do|does|did|would|should|must|wo|could|ca|need)n't|(?:nobody|no one) should"
    r"|(?:pointless|useless|unwise|foolish|wrong|mistaken|an? (?:error|mistake|blunder|bad idea)|waste of (?:time|money"
    r"|effort)) to|(?:would|'d) sooner [^.!?;:,\n]{1,60}? than) (?P<refused>[^.!?;:\n]+)"
)
VERDICT = re.compile(
    r"(?P<refused>[^.!?;:,\n]{1,120}?) (?:is|are|would be|seems?|looks?) (?:\w+ )?(?:an? (?:\w+ )?(?:mistake"
    r"|error|blunder|injustice|bad idea|dead end|waste|trap)|the (?:worst|wrong)|pointless|useless|unwise|foolish"
    r"|overrated|out of the question|unnecessary|not (?:needed|necessary|worth|advisable|the (?:way|answer)))\b",
    re.IGNORECASE,
)
# A reason or a contrast ends the refused words.
REASON = re.compile(
    r",| (?:but|because|since|as|so|and instead|instead|unless|until|before|if|when|while|whereas|which"
    r"|for (?:it|that|this|they)|that would)\b| [-\u2013\u2014] ",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Entry:
    """One row of `TABLE`. A sentence is a hit if it matches `pattern`, unless one of two excuses stands beside it.

    `before` excuses in the sentence's words before the match, and `after` in those after it and in the next `reach`
    sentences. `looks_at` says which sentences count: any one, or those that the judge quoted for points.
    """

    rule: str
    looks_at: Literal["any", "quoted"]
    pattern: re.Pattern[str]
    before: re.Pattern[str] | None = None
    after: re.Pattern[str] | None = None
    reach: int = 1

    def hits(self, parts: Sequence[str], at: int) -> bool:
        """Returns whether the sentence `parts[at]` is a hit."""
        for match in self.pattern.finditer(parts[at]):
            rest = " ".join((parts[at][match.end() :], *parts[at + 1 : at + 1 + self.reach]))
            excused = self.before and self.before.search(parts[at][: match.start()])
            if not excused and not (self.after and self.after.search(rest)):
                return True
        return False


REST = 1000
TABLE = (
    Entry("takes-back", "any", TAKES_BACK),
    Entry("takes-back", "any", HAS_NO_VIEW),
    Entry("takes-back", "any", DISAGREES, after=SPEAKS, reach=REST),
    Entry("reported-speech", "quoted", REPORTS, before=CONDITION, after=AGREES),
)


def found(text: str, quotes: Mapping[str, Sequence[str]]) -> list[str]:
    """Returns the rules of `TABLE` that hold for a cleaned answer, once each.

    `quotes` are verbatim quotes of the answer that earned points, by criterion. Rules about a quote name its criterion.
    """
    spans = sentence_spans(text)
    parts = [_single_spaced(text[a:b]) for a, b in spans]
    quoted = {id: [span for quote in some if (span := find_quote(quote, text))] for id, some in quotes.items()}
    rules: dict[str, None] = {}
    for entry in TABLE:
        hit = [span for at, span in enumerate(spans) if entry.hits(parts, at)]
        if entry.looks_at == "quoted":
            rules |= {f"{entry.rule}: {id}": None for id, some in quoted.items() if _overlap(hit, some)}
        elif hit:
            rules[entry.rule] = None
    return list(rules)


def _overlap(some: Sequence[tuple[int, int]], others: Sequence[tuple[int, int]]) -> bool:
    return any(a < end and start < b for a, b in some for start, end in others)


SCOPES_MAX = 24
LIKENESS_MIN = 0.5
MARGIN_MIN = 0.1
MARGIN_ALONE = 0.35


def refused(text: str) -> list[str]:
    """Returns the phrases that an answer advises against, in order, without those of fewer than two content words."""
    scopes = []
    for sentence in map(_single_spaced, sentences(text)):
        scopes += [REASON.split(match["refused"])[0].strip() for match in REFUSES.finditer(sentence)]
        scopes += [match["refused"].strip() for match in VERDICT.finditer(sentence)]
    return list(dict.fromkeys(scope for scope in scopes if len(content_words(scope)) >= 2))[:SCOPES_MAX]


def compared(text: str, rubric: Sequence[Criterion]) -> tuple[str, ...]:
    """Returns the texts whose embeddings `advises_against` needs."""
    return (*refused(text), *(phrase for c in rubric for phrase in (*c.accept, c.text, *c.reject)))


def advises_against(text: str, rubric: Sequence[Criterion], marks: Mapping[str, Mark], vectors: Vectors) -> list[str]:
    """Returns a rule for each criterion that is met although the answer advises against what it asks for.

    'Instead of fine-tuning, I would use retrieval' and 'Avoid retrieval' differ only in what is refused. One refusal
    counts if it is much nearer to the criterion's accepted phrases than to all rejected ones. A smaller difference is
    enough if two different refusals concern two criteria, because an honest answer refuses one thing and advises the
    rest. `vectors` holds an embedding of length 1 for each of the texts that `compared` names.
    """
    bad = [vectors[phrase] for c in rubric for phrase in c.reject]
    near: dict[str, tuple[float, str]] = {}
    for c in rubric:
        if marks[c.id] is Mark.MET and c.kind != "must_not_claim":
            good = [vectors[phrase] for phrase in c.accept or (c.text,)]
            best = max(((_margin(vectors[scope], good, bad), scope) for scope in refused(text)), default=(-1.0, ""))
            near |= {c.id: best} if best[0] >= MARGIN_MIN else {}
    alone = len({scope for _, scope in near.values()}) < 2
    return [f"advises-against: {id}" for id, (margin, _) in near.items() if margin >= MARGIN_ALONE or not alone]


def _margin(scope: Vector, good: Sequence[Vector], bad: Sequence[Vector]) -> float:
    """Returns how much more similar a phrase is to good phrases than to bad ones; -1 if it is like no good one."""
    nearest = max(float(scope @ phrase) for phrase in good)
    return nearest - max((float(scope @ phrase) for phrase in bad), default=0.0) if nearest >= LIKENESS_MIN else -1.0
