"""Collects from the question's rubric and texts what the suite of attacks says about each criterion."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from challenges.bundle import ChallengeBundle
from challenges.kinds.rubric import Criterion, free_text

KEY_WORDS = 3
# A text that shares fewer content words with a criterion is about something else.
SHARED = 2
CHOICES = 2
LENGTH = range(5, 36)

WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")
# A sentence ends at a full stop, a question mark or an exclamation mark; a separate line is a sentence too.
SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"'\d])")
# Code, formulas, tables, headings, quotations, pictures and comments contain no sentences that a learner would copy.
NOT_PROSE = re.compile(r"```.*?```|\$\$.*?\$\$|<!--.*?-->|^[ \t]*(?:\||#|>|!\[)[^\n]*$", re.S | re.M)
MARKS = re.compile(r"\*\*|[*`]|^\s*(?:[-+]|\d+\.)\s+", re.M)
LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
I_WOULD = re.compile(r"\bI(?: would|'d)\b")
FIRST_PERSON = re.compile(r"\b(?:I|I'[a-z]+|[Mm]y|[Mm]e|[Ww]e|[Oo]ur|[Uu]s)\b")
# Sentences that begin with these words are statements. Others may be commands ("Start with ..."), and a command cannot
# follow "that".
STATEMENT = re.compile(
    r"(?:The|An?|One|It|They|There|Nobody|Somebody|Someone|People|Each|Every|All|Most|Many|Some|Several|No|If|When|"
    r"While|Since|Because|With|At|In|After|Near|Neither|Both|This|That|These|Those|Its|Their)\b|"
    r"\w+ (?:is|are|was|were|has|have|can|cannot|will|would|should|must|may|does|do)\b"
)
UNFIT_FOR_THAT = re.compile(r"[?!\"()\u201c\u201d]")
NOT_COPIED = re.compile(r"[$\\{}]|^[\"\u201c]")
CLAUSE_END = re.compile(r"[:;]\s")
_COMMON = (
    "about after again answer answers because been before being both credit does each either every everybody from "
    "gives half have here instead into itself like made make makes mark more most must names need nobody only "
    "other others over partial possibly reason same says should some somebody someone such than that their them "
    "then there these they thing this those through under question questions used using what when where whether "
    "which while whole with without would your"
)
COMMON = frozenset(_COMMON.split())


@dataclass(frozen=True)
class Material:
    """Texts about one criterion, the nearest first; `lesson` and `solution` are unchanged whole sentences."""

    criterion: Criterion
    claims: tuple[str, ...]
    lesson: tuple[str, ...]
    solution: tuple[str, ...]

    @cached_property
    def says(self) -> tuple[str, ...]:
        """The accepted phrases without quotation marks and final stops, or the beginning of the criterion's text."""
        phrases = self.criterion.accept or (sentences(self.criterion.text)[0],)
        return tuple(phrase.replace('"', "'").rstrip(".!? ") for phrase in phrases)

    @cached_property
    def words(self) -> str:
        """The most frequent words of the criterion, in the order of their first use."""
        counts = Counter(_content(" ".join((*self.criterion.accept, self.criterion.text))))
        return ", ".join(word for word, _ in counts.most_common(KEY_WORDS)) or self.criterion.label.lower()


def material(bundle: ChallengeBundle, sources: Mapping[str, str]) -> tuple[Material, ...]:
    """Returns one `Material` for each criterion that requires a statement, or for all criteria if none does.

    `sources` may hold the texts `lesson`, `faq` and `solution`, in Markdown; without `solution` the bundle's is used.
    """
    spec = bundle.challenge
    solution = _copied(sources.get("solution") or bundle.solution)
    lesson = [*_copied(sources.get("lesson", "")), *_copied(sources.get("faq", ""))]
    claims = [claim for text in (*sentences(free_text(spec).model_answer or ""), *solution) if (claim := _claim(text))]
    wanted = [c for c in free_text(spec).rubric if c.kind != "must_not_claim"] or free_text(spec).rubric
    chosen = zip(*(_nearest(wanted, texts) for texts in (claims, lesson, solution)), strict=True)
    return tuple(Material(criterion, *texts) for criterion, texts in zip(wanted, chosen, strict=True))


def sentences(text: str) -> list[str]:
    """Returns the sentences of a Markdown text, as a reader of the page would copy them."""
    prose = LINK.sub(r"\1", MARKS.sub("", NOT_PROSE.sub("\n", text)))
    blocks = (" ".join(block.split()) for block in re.split(r"\n\s*\n|(?<=[.!?:])\n", prose))
    return [sentence for block in blocks for sentence in SENTENCE_END.split(block) if sentence] or [text.strip()]


def _copied(text: str) -> list[str]:
    """Returns the sentences that a learner would copy: complete, without formulas, and not direct speech."""
    return [one for one in sentences(text) if one.endswith((".", "!")) and not NOT_COPIED.search(one)]


def _claim(sentence: str) -> str | None:
    """Returns the first clause of `sentence` if it is a statement that can follow "that", otherwise None."""
    general = I_WOULD.sub("one would", CLAUSE_END.split(sentence)[0]).rstrip(". ")
    general = general[:1].upper() + general[1:]
    unfit = FIRST_PERSON.search(general) or UNFIT_FOR_THAT.search(general) or not STATEMENT.match(general)
    # "When these numbers go down, stop" begins like a statement but is a command.
    commands = "," in general and len(WORD.findall(general.rsplit(",", 1)[1])) < 2
    return None if unfit or commands else general


def _nearest(criteria: Sequence[Criterion], texts: Iterable[str]) -> list[tuple[str, ...]]:
    """For each criterion up to `CHOICES` texts about it, the nearest first; no text is used for two criteria.

    A word has more weight the more often the criterion uses it, and less weight the more criteria use it.
    """
    about = [Counter(_content(" ".join((c.label, c.text, *c.accept)))) for c in criteria]
    uses = Counter(word for words in about for word in words)
    left = {text: set(_content(text)) for text in texts if len(WORD.findall(text)) in LENGTH}
    rows: list[dict[str, float]] = [{} for _ in criteria]
    for _ in range(CHOICES):
        for row, words in zip(rows, about, strict=True):
            weights = {word: count / uses[word] for word, count in words.items()}
            near = {text: _nearness(own, weights) for text, own in left.items()}
            best = max(near, key=near.__getitem__, default="")
            # A second text that is much less near than the first is probably not about the criterion.
            if near.get(best, 0) > max(row.values(), default=0) / 2:
                row[best] = near[best]
                del left[best]
    return [tuple(row) for row in rows]


def _nearness(own: set[str], weights: Mapping[str, float]) -> float:
    shared = own & weights.keys()
    # Adding 8 keeps a sentence of three words from being nearer than a sentence that says more.
    return sum(weights[word] for word in shared) / (len(own) + 8) if len(shared) >= SHARED else 0.0


def _content(text: str) -> list[str]:
    return [word for word in map(str.lower, WORD.findall(text)) if len(word) > 3 and word not in COMMON]
