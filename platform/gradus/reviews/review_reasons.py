"""The reasons why an answer waits for a person, in words. A grader gives a reason as `name` or `name: detail`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from challenges.kinds.rubric import free_text
from challenges.spec import Challenge

# Grades of releases until 0.3.0 are stored with names of rules that are not checked any more; they are told as well.
WORDS = {
    "appeal": _("The learner appeals against the grade"),
    "audit": _("Drawn at random to see how often the machine is right"),
    "bulk-check": _("Drawn at random to see how often the machine is right"),
    "provisional": _("The grade is provisional"),
    "pilot-mode": _("The question is in pilot mode: people review every answer"),
    # The judge
    "no-judge": _("No judge answered, so the built-in checks marked this answer"),
    "unscored": _("The judge sent no reply that could be used"),
    "unusable-reply": _("One of the judge's replies could not be used"),
    "cannot-tell": _("The judge could not tell"),
    "split-vote": _("The judge's votes differ, and similar graded answers do not support the majority"),
    "votes-apart": _("The scores of the judge's votes differ by more than a quarter of the points"),
    "near-pass-mark": _("The votes differ on a mark that decides between passing and not passing"),
    "like-a-wrong-claim": _("A sentence is close to a claim that the author rejects"),
    "denied": _("The judge says that the answer denies what it earned these points for"),
    "denials-unchecked": _("Whether the answer denies what it says could not be checked"),
    "several-models": _("Several models answered under one name"),
    "no-quote": _("The judge reports a wrong claim, but does not quote it"),
    "unlike-graded-answers": _("The mark or the score is far below what similar graded answers got"),
    # Without a number: it was a quarter of the points until 0.3.0, and is half of them now.
    "score-above-estimate": _("The judge's score is far above what similar graded answers got"),
    "met-without-likeness": _("The judge marked this as met, but the answer is unlike graded answers that meet it"),
    "no-calibration": _("This judge has not passed the gate on this question as it is now"),
    "low-confidence": _("The judge was unsure"),
    # The judge's quotes
    "no-evidence": _("The judge marked this without a valid quote, so it counts as not met"),
    "negated-quote": _("The quoted sentence is negated"),
    "quote-not-valid": _("A quote does not occur in the answer"),
    "contradictions": _("The judge sees a contradiction in the answer"),
    "one-quote-for-all": _("One quote was used for most criteria"),
    # The detectors
    "asks-only": _("The quoted sentence is a question and claims nothing"),
    "reported-speech": _("The quoted sentence reports what somebody else says, without agreeing to it"),
    "no-commitment": _("The quoted sentence only supposes, weighs or wishes"),
    "advises-against": _("The answer seems to advise against what this criterion asks for"),
    "mostly-uncommitted": _("At least half of the sentences ask, report or suppose, and claim nothing"),
    "irony": _("There are marks of irony, so the opposite may be meant"),
    "takes-back": _("A sentence seems to take back what the answer says"),
    "story": _("The answer tells what somebody did once, and may not explain anything"),
    "nothing-of-its-own": _("The answer only reports what somebody else says"),
    "repetition": _("The answer repeats a few words many times"),
    "mostly-beside": _("A few sentences earn most of the points, and the others are about something else"),
    "stubs-quoted": _("Headings, table rows or keywords earn most of the points, not sentences"),
    # The answer
    "addresses-grader": _("The answer speaks to its grader"),
    "over-length": _("The answer is longer than the text that the judge reads"),
    "hidden-characters": _("The answer contains invisible characters"),
    "mixed-scripts": _("A word mixes letters of several scripts"),
    "encoded": _("The answer contains a long encoded text"),
    "hedges": _("The answer offers several alternatives for the grader to choose from"),
    "other-language": _("The answer seems to be in another language than the question"),
    "no-sentences": _("The answer looks like a list of words, not like sentences"),
    "many-negations": _("The answer has unusually many negations"),
    "copied": _("Most words of the answer also occur in the model answer, or in one good graded answer"),
    "copied-from": _("%(share)s of the runs of five words in the answer also stand in %(source)s"),
    "known-attack": _("The answer is one of the author's listed attacks"),
}
NO_JUDGE_SET_UP = _("No judge is set up, so the built-in checks marked this answer")
# What tells nothing about the machine's marks, so that it is shown before a reviewer has given own marks.
SHOWN_BLIND = ("audit", "appeal", "bulk-check")
# What holds for every answer to the question. Any other reason is about the answer, so a person has to read it.
ABOUT_ALL = {"provisional", "no-judge", "no-calibration", "pilot-mode"}
PROBLEMS = {
    "no_endpoint": _("no judge is set up"),
    "guest": _("the learner has no account, and answers of visitors are not sent to a judge"),
    "budget": _("a budget for the judge is used up"),
}

SOURCES = {
    "lesson": _("the lesson"),
    "faq": _("the lesson's questions and answers"),
    "solution": _("the solution"),
    "statement": _("the challenge's statement"),
    "model answer": _("the model answer"),
    "graded answers": _("the answers that the author has graded"),
    "everything": _("all texts of the course together"),
}


def source_in_words(name: str) -> str:
    """Names the source of a copied text. Other learners are not named; their answers can be looked up beside it."""
    kind, _colon, number = name.partition(":")
    return gettext("another learner's earlier answer") if number else str(SOURCES.get(kind, kind))


def copied_submissions(names: Iterable[str]) -> list[int]:
    """Returns the primary keys of the submissions among sources or reasons like `copied-from: learner:7, 62 %`."""
    return [int(number) for number in re.findall(r"\blearner:(\d+)", " ".join(names))]


def about_all(rules: Iterable[str]) -> bool:
    """Returns True if none of these reasons is about the answer itself."""
    return all(rule.partition(": ")[0] in ABOUT_ALL for rule in rules)


def in_words(rule: str, challenge: Challenge, quotes: Sequence[str] = ()) -> str:
    """Returns a reason as a sentence, with the sentences of the answer that it is about, if they are known.

    An unknown reason is shown as it is, so that staff can see it.
    """
    name, _colon, detail = rule.partition(": ")
    if name not in WORDS:
        return rule
    if rule == "no-judge: no_endpoint":
        return str(NO_JUDGE_SET_UP)
    if name == "copied-from":
        source, _comma, share = detail.rpartition(", ")
        return str(WORDS[name]) % {"source": source_in_words(source), "share": share}
    labels = {criterion.id: f"“{criterion.label}”" for criterion in free_text(challenge).rubric}
    shown = str(labels.get(detail) or PROBLEMS.get(detail) or detail)
    if shown and quotes:
        shown = ": ".join([shown, ", ".join(f"“{quote}”" for quote in quotes)])
    return gettext("%(reason)s: %(detail)s") % {"reason": WORDS[name], "detail": shown} if shown else str(WORDS[name])


def all_in_words(
    rules: Iterable[str], challenge: Challenge, quotes: Mapping[str, Sequence[str]] | None = None
) -> list[str]:
    """Returns reasons as sentences. `quotes` has sentences of the answer by the reason that they belong to."""
    return [in_words(rule, challenge, (quotes or {}).get(rule, ())) for rule in rules]
