"""The summaries of the built-in e-mail challenge name the thing, and do not give the priority away."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from challenges.reading import read_challenge

FOLDER = Path(__file__).resolve().parents[3] / "challenges" / "library" / "fine-tuning-vs-prompting" / "email-to-ticket"
# How often a word must stand in a file before its share counts. With fewer rows, chance alone gives such shares.
OFTEN = {"train": 8, "hidden": 5}
SHARE_MAX = 0.85
# These words state what the rule for `high` asks for: a thing that does not work, money taken, a deadline.
MATTER = {"dead", "charged", "tomorrow"}
KINDS_OF_MAIL = {
    *("question", "wish", "praise", "remark", "request", "thanks", "idea", "suggestion", "compliments", "apology"),
    *("asks", "asking", "wondering", "comment", "feedback", "complaint"),
}


@pytest.fixture(scope="module")
def tickets():
    bundle = read_challenge(FOLDER)
    return {
        "train": [json.loads(row.output) for row in bundle.train],
        "hidden": [sample.target for sample in bundle.hidden],
        "public": [sample.target for sample in bundle.public],
    }


def priorities(tickets, words_of):
    counts = defaultdict(Counter)
    for ticket in tickets:
        for word in words_of(ticket["summary"]):
            counts[word][ticket["priority"]] += 1
    return counts


def cues(counts, often):
    return {
        word: dict(count)
        for word, count in counts.items()
        if count.total() >= often and max(count.values()) > SHARE_MAX * count.total()
    }


@pytest.mark.parametrize("file", OFTEN)
def test_no_frequent_first_word_goes_with_one_priority(tickets, file):
    assert cues(priorities(tickets[file], lambda summary: summary.split()[:1]), OFTEN[file]) == {}


@pytest.mark.parametrize("file", OFTEN)
def test_no_frequent_word_but_those_of_the_rule_goes_with_one_priority(tickets, file):
    found = cues(priorities(tickets[file], lambda summary: set(summary.split())), OFTEN[file])
    assert {word: count for word, count in found.items() if word not in MATTER} == {}


@pytest.mark.parametrize("file", ["train", "hidden", "public"])
def test_no_summary_opens_with_the_kind_of_mail(tickets, file):
    assert [t["summary"] for t in tickets[file] if t["summary"].split()[0] in KINDS_OF_MAIL] == []


@pytest.mark.parametrize("file", ["train", "hidden", "public"])
def test_summaries_keep_the_rule_of_the_desk(tickets, file):
    summaries = [ticket["summary"] for ticket in tickets[file]]
    assert [s for s in summaries if not 3 <= len(s.split()) <= 7 or s != s.lower() or "." in s] == []
    assert {tuple(ticket) for ticket in tickets[file]} == {("priority", "category", "summary")}


def test_the_forty_rows_are_rows_of_train():
    train = set((FOLDER / "train.jsonl").read_text(encoding="utf-8").splitlines())
    forty = (FOLDER / "baselines" / "forty-rows.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(forty) == 40
    assert set(forty) <= train
