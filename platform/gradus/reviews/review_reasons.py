"""Why an answer waits for a person, in words. Rules come from the grader as `name` or `name: detail`."""

from __future__ import annotations

from challenges.kinds.rubric import free_text
from challenges.spec import Challenge

WORDS = {
    "appeal": "The learner appeals against the grade",
    "audit": "Drawn at random to see how often the machine is right",
    "provisional": "The grade is provisional",
    # The judge
    "no-judge": "No judge answered, so the built-in checks marked this answer",
    "unscored": "The judge sent nothing that could be used",
    "unusable-reply": "One of the judge's replies could not be used",
    "cannot-tell": "The judge could not tell",
    "split-vote": "The votes differ, and the graded answers do not side with the majority",
    "votes-apart": "The votes lie more than a quarter of the points apart",
    "near-pass-mark": "The votes differ on a mark that decides between passing and not passing",
    "like-a-wrong-claim": "A sentence is close to a claim that the author rejects",
    "several-models": "Several models answered under one name",
    "no-quote": "The judge sees a wrong claim and quotes none",
    "unlike-graded-answers": "The score is far below what similar graded answers got",
    "score-above-estimate": "The judge gave at least a quarter of the points more than similar graded answers got",
    "met-without-likeness": "The judge marked this as met, but the answer is not like graded answers that meet it",
    "no-calibration": "This judge has not passed the gate on this question as it is now",
    "low-confidence": "The judge was unsure",
    # Its quotes
    "no-evidence": "The judge marked this without a quote that holds; it counts as not met",
    "negated-quote": "The quoted sentence denies what it says",
    "quote-not-valid": "A quote does not stand in the answer",
    "contradictions": "The judge sees a contradiction in the answer",
    "one-quote-for-all": "One quote was used for most criteria",
    # What its words do
    "asks-only": "The quoted sentence asks a question and claims nothing",
    "reported-speech": "The quoted sentence reports what somebody else says, without agreeing to it",
    "no-commitment": "The quoted sentence only supposes, weighs or wishes",
    "advises-against": "The answer seems to advise against what this criterion asks for",
    "mostly-uncommitted": "At least half of the sentences ask, report or suppose, and claim nothing",
    "irony": "There are marks of irony, so the opposite may be meant",
    "takes-back": "A sentence seems to take back what the answer says",
    "story": "It tells what somebody did once, and may explain nothing",
    "nothing-of-its-own": "It reports what somebody else says and adds nothing in its own voice",
    "repetition": "It repeats the same few words",
    "mostly-beside": "Most points rest on few of its sentences, and the rest is about something else",
    "stubs-quoted": "Most points rest on headings, table rows or keywords, not on sentences",
    # The answer
    "addresses-grader": "The answer speaks to whoever grades it",
    "over-length": "The answer is longer than what the judge reads",
    "hidden-characters": "There are characters that cannot be seen",
    "mixed-scripts": "A word mixes letters of several scripts",
    "encoded": "There is a long encoded run of characters",
    "hedges": "It offers several alternatives, for whoever grades to choose from",
    "other-language": "It seems to be in another language than the question",
    "no-sentences": "It reads like a list of words, not like sentences",
    "many-negations": "It denies unusually often",
    "copied": "Most of its words stand in the model answer or in one good graded answer",
    "copied-from": "It shares more runs of five words than honest answers do with",
    "known-attack": "It is one of the author's listed attacks",
}
PROBLEMS = {
    "no_endpoint": "none is set up",
    "guest": "the learner has no account, and judges are asked about learners with an account only",
    "budget": "the day's budget was used up",
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
    """A source of copies. Other learners are named by the number of their submission only."""
    kind, _, number = name.partition(":")
    return f"another learner's earlier answer, submission {number}" if number else SOURCES.get(kind, kind)


def in_words(rule: str, challenge: Challenge) -> str:
    """One sentence; a rule without words of its own is shown as it is, so that nothing is hidden from staff."""
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
