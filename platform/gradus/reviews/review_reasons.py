"""The reasons why an answer waits for a person, in words. A grader gives a reason as `name` or `name: detail`."""

from __future__ import annotations

from challenges.kinds.rubric import free_text
from challenges.spec import Challenge

WORDS = {
    "appeal": "The learner appeals against the grade",
    "audit": "Drawn at random to see how often the machine is right",
    "provisional": "The grade is provisional",
    # The judge
    "no-judge": "No judge answered, so the built-in checks marked this answer",
    "unscored": "The judge sent no reply that could be used",
    "unusable-reply": "One of the judge's replies could not be used",
    "cannot-tell": "The judge could not tell",
    "split-vote": "The judge's votes differ, and similar graded answers do not support the majority",
    "votes-apart": "The scores of the judge's votes differ by more than a quarter of the points",
    "near-pass-mark": "The votes differ on a mark that decides between passing and not passing",
    "like-a-wrong-claim": "A sentence is close to a claim that the author rejects",
    "several-models": "Several models answered under one name",
    "no-quote": "The judge reports a wrong claim, but does not quote it",
    "unlike-graded-answers": "The score is far below what similar graded answers got",
    "score-above-estimate": "The judge gave at least a quarter of the points more than similar graded answers got",
    "met-without-likeness": "The judge marked this as met, but the answer is unlike graded answers that meet it",
    "no-calibration": "This judge has not passed the gate on this question as it is now",
    "low-confidence": "The judge was unsure",
    # The judge's quotes
    "no-evidence": "The judge marked this without a valid quote, so it counts as not met",
    "negated-quote": "The quoted sentence is negated",
    "quote-not-valid": "A quote does not occur in the answer",
    "contradictions": "The judge sees a contradiction in the answer",
    "one-quote-for-all": "One quote was used for most criteria",
    # The detectors
    "asks-only": "The quoted sentence is a question and claims nothing",
    "reported-speech": "The quoted sentence reports what somebody else says, without agreeing to it",
    "no-commitment": "The quoted sentence only supposes, weighs or wishes",
    "advises-against": "The answer seems to advise against what this criterion asks for",
    "mostly-uncommitted": "At least half of the sentences ask, report or suppose, and claim nothing",
    "irony": "There are marks of irony, so the opposite may be meant",
    "takes-back": "A sentence seems to take back what the answer says",
    "story": "The answer tells what somebody did once, and may not explain anything",
    "nothing-of-its-own": "The answer only reports what somebody else says",
    "repetition": "The answer repeats a few words many times",
    "mostly-beside": "A few sentences earn most of the points, and the others are about something else",
    "stubs-quoted": "Headings, table rows or keywords earn most of the points, not sentences",
    # The answer
    "addresses-grader": "The answer speaks to its grader",
    "over-length": "The answer is longer than the text that the judge reads",
    "hidden-characters": "The answer contains invisible characters",
    "mixed-scripts": "A word mixes letters of several scripts",
    "encoded": "The answer contains a long encoded text",
    "hedges": "The answer offers several alternatives for the grader to choose from",
    "other-language": "The answer seems to be in another language than the question",
    "no-sentences": "The answer looks like a list of words, not like sentences",
    "many-negations": "The answer has unusually many negations",
    "copied": "Most words of the answer also occur in the model answer, or in one good graded answer",
    "copied-from": "The answer shares more runs of five words than honest answers do with",
    "known-attack": "The answer is one of the author's listed attacks",
}
PROBLEMS = {
    "no_endpoint": "no judge is set up",
    "guest": "the learner has no account, and answers of visitors are not sent to a judge",
    "budget": "the budget of the day is used up",
}

SOURCES = {
    "lesson": "the lesson",
    "faq": "the lesson's questions and answers",
    "solution": "the solution",
    "statement": "the challenge's statement",
    "model answer": "the model answer",
    "graded answers": "the answers that the author has graded",
    "everything": "all texts of the course together",
}


def source_in_words(name: str) -> str:
    """Names the source of a copied text. Other learners are named only by the number of their submission."""
    kind, _, number = name.partition(":")
    return f"another learner's earlier answer, submission {number}" if number else SOURCES.get(kind, kind)


def in_words(rule: str, challenge: Challenge) -> str:
    """Returns a reason as a sentence. An unknown reason is shown as it is, so that staff can see it."""
    name, _, detail = rule.partition(": ")
    if name not in WORDS:
        return rule
    if name == "copied-from":
        source, _, share = detail.rpartition(", ")
        return f"{WORDS[name]} {source_in_words(source)}: {share}"
    labels = {criterion.id: f"“{criterion.label}”" for criterion in free_text(challenge).rubric}
    shown = labels.get(detail) or PROBLEMS.get(detail) or detail
    return f"{WORDS[name]}: {shown}" if shown else WORDS[name]


def all_in_words(rules: list[str], challenge: Challenge) -> list[str]:
    return [in_words(rule, challenge) for rule in rules]
