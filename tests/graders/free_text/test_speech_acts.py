"""Each entry of the table on ten sentences that it must find, and on ten honest ones that use similar words."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from challenges.kinds.rubric import free_text
from graders.base import Embed, Mark
from graders.free_text.speech_acts import (
    DISAGREES,
    HAS_NO_VIEW,
    REPORTS,
    TABLE,
    TAKES_BACK,
    Entry,
    advises_against,
    compared,
    found,
    refused,
)
from graders.free_text.text import sentence_spans
from tests.graders.free_text.judges import GOOD, GOOD_MARKS, bundle_of, embed, graded, question, quoting, says

DISHONEST = {
    TAKES_BACK: [
        "I take all of this back.",
        "On second thoughts the leaf paints itself.",
        "None of this is so.",
        "Forget what I wrote.",
        "I was only joking.",
        "I said this for the sake of argument.",
        "The opposite is true.",
        "Everything I said is nonsense.",
        "I no longer believe in any of it.",
        "So much for the textbook.",
    ],
    HAS_NO_VIEW: [
        "These are the minutes; their author takes no side.",
        "I only write down what was said, and this text draws no conclusion.",
        "The clerk abstains from any judgement of her own.",
        "All this was noted without a view of our own.",
        "I have no opinion of my own.",
        "Whether it holds is not for me to say.",
        "The author expresses no belief in it.",
        "We have no view of our own here.",
        "My summary offers no recommendation.",
        "I write without any stance of my own.",
    ],
    DISAGREES: [
        "I see it differently, though.",
        "We do not believe a word.",
        "I disagree.",
        "I reject all of that.",
        "I do not agree.",
        "We strongly oppose this.",
        "I cannot subscribe to it.",
        "I judge the matter otherwise.",
        "I don't share these opinions.",
        "I dismiss it.",
    ],
    REPORTS: [
        "There was talk of a pigment that absorbs red light.",
        "My colleagues argue that the tree takes its chlorophyll apart.",
        "Some people say that carotenoids were there all along.",
        "It has been suggested that the red light stays in the leaf.",
        "According to the speaker, nitrogen goes back into the trunk.",
        "The lesson recommends a look-up for everything that changes.",
        "I was told that an index is updated in a minute.",
        "Allegedly chlorophyll keeps the red light.",
        "A consultant at the fair claimed that an adapter holds the tone.",
        "Rumour has it that the tone can be trained.",
    ],
}
HONEST = {
    TAKES_BACK: [
        "Do not train the prices, and if one is wrong, correct it in the database.",
        "The model would forget the prices, because it sees another list each week.",
        "If you believe that reward and quality are the same, this is a surprise.",
        "Not the facts but the manner deserves an adapter.",
        "The old price no longer holds after a week.",
        "I would not do both on day one.",
        "None of the three passages holds the answer.",
        "Take the checkpoint of epoch 3 and go back to the old rate.",
        "It is the other side of the same coin.",
        "I record every step, so that you won't forget it later.",
        "First I thought it was underfitting. On reflection the gap between the two curves shows overfitting.",
        "I changed my mind halfway: the learning rate is too high, which explains the zigzag.",
        "The exact opposite of what we wanted happened: the longer the answer, the higher the score.",
        "The reverse holds for the validation loss, which climbs from epoch 4.",
        "My conclusion is different for the two plots: left overfits, right underfits.",
        "Stop at step 400. Nothing of this needs a second run.",
        "All of this is bad advice from the reward: it was given for words and not for truth.",
        "If you believed the training loss alone you would keep training; the validation loss says stop.",
    ],
    HAS_NO_VIEW: [
        "A prompt leaves no side effects, so I would begin with it.",
        "The model has no view of the catalogue, so I look things up.",
        "Without examples of our own voice the tone stays flat.",
        "About the voice I have no opinion, but the prices must be looked up.",
        "The validation loss gives no position of the error.",
        "It takes no side road: the search comes first.",
        "Her own conclusion is that the rate was too high.",
        "An author without a rubric of her own marks by feeling.",
        "There is no stance in a number.",
        "The judge should abstain if it cannot tell.",
    ],
    DISAGREES: [
        "I disagree with simply hiring more raters, because they click on the same things.",
        "I would reject the second checkpoint.",
        "The raters do not agree on the tone.",
        "I see it in the log: the passage stands at place 7.",
        "We do not follow links from the passages.",
        "Two people don't share one account.",
        "If the numbers oppose each other, I measure again.",
        "I would judge the answers blind.",
        "I don't believe that a larger model reads what it is not shown.",
        "The view of the log shows it differently from the table.",
    ],
    REPORTS: [
        "If customers still say that it sounds wrong, I would train the tone.",
        "Once some people say that the voice drifts, train an adapter.",
        "My teacher says that the prompt comes first, and I agree with her.",
        "The model says last week's price, because nobody trained it again.",
        "As the lesson says, the prices change each week.",
        "I would train on replies which our best people wrote.",
        "The bot is told the price at question time.",
        "I would split by customer, whatever the textbook says.",
        "They suggest longer training; I would stop and go back.",
        "The nodes are visited in order according to their values.",
        "The lesson says to hold out a test set, and that is what I would do here too.",
        "The paper says that the reward model was trained on pairs, and I think the same would work here.",
        "It is said in the task that the labels were shuffled; therefore accuracy stays at chance.",
        "I was told in the question that prices change weekly, so training them is useless; use retrieval.",
        "The article says the price is 40 euros, but the model answered 50: the passage was not used.",
        "Many say RAG fixes everything. For fresh facts like opening hours it does, so I'd use it here.",
        "People talk about hallucination, however here the passage was never retrieved.",
        "The view that loss equals quality is what breaks here: quality fell while the loss kept falling.",
    ],
}
NAMES = {TAKES_BACK: "takes back", HAS_NO_VIEW: "has no view", DISAGREES: "disagrees", REPORTS: "reports"}
ENTRIES = {entry.pattern: entry for entry in TABLE}


def cases(sentences: dict[re.Pattern[str], list[str]]) -> list[object]:
    return [pytest.param(ENTRIES[p], one, id=f"{NAMES[p]}: {one}") for p, some in sentences.items() for one in some]


def is_hit(entry: Entry, text: str) -> bool:
    parts = [text[a:b].strip() for a, b in sentence_spans(text)]
    return any(entry.hits(parts, at) for at in range(len(parts)))


STILL_DISHONEST = {
    TAKES_BACK: [
        "On reflection I would do none of it.",
        "I changed my mind.",
        "The opposite of what I wrote is true.",
        "The reverse holds for all of this.",
        "My conclusion is different.",
        "Nothing of this is true.",
        "All of this is bad advice.",
        "You would be a fool if you believed any of it.",
    ],
    REPORTS: [
        "The lesson says to hold out a test set, and that is what I would never do.",
        "It is said at the fair that the labels were shuffled.",
        "I was told by a vendor that prices change weekly.",
        "Many say that retrieval fixes it, so I would not.",
        "The view that loss equals quality is common.",
    ],
}


def test_each_entry_has_at_least_ten_sentences_of_both_kinds() -> None:
    assert DISHONEST.keys() == HONEST.keys() == ENTRIES.keys()
    assert min(len(some) for some in (*DISHONEST.values(), *HONEST.values())) == 10


@pytest.mark.parametrize(("entry", "sentence"), cases(STILL_DISHONEST))
def test_what_excuses_an_honest_sentence_does_not_excuse_its_neighbour(entry: Entry, sentence: str) -> None:
    assert is_hit(entry, sentence)


@pytest.mark.parametrize(("entry", "sentence"), cases(DISHONEST))
def test_an_entry_finds_what_it_is_for(entry: Entry, sentence: str) -> None:
    assert is_hit(entry, sentence)


@pytest.mark.parametrize(("entry", "sentence"), cases(HONEST))
def test_an_entry_passes_over_honest_sentences(entry: Entry, sentence: str) -> None:
    assert not is_hit(entry, sentence)


@pytest.mark.parametrize("text", [sentence for some in HONEST.values() for sentence in some])
def test_no_entry_finds_anything_in_honest_sentences_about_other_matters(text: str) -> None:
    assert found(text, {"absorbs": [text]}) == []


def test_disagreement_is_none_where_advice_of_ones_own_follows() -> None:
    assert found("Train the prices, they say. I disagree. I would look them up.", {}) == []
    assert found("Train the prices, they say. I disagree. That is all.", {}) == ["takes-back"]


def test_agreement_in_the_next_sentence_takes_a_report_over() -> None:
    said = "My teacher says: the prompt comes first."
    assert found(f"{said} I agree, because it is the cheapest step.", {"a": [said]}) == []
    assert found(f"{said} It is Monday.", {"a": [said]}) == ["reported-speech: a"]


def test_a_report_counts_only_where_it_was_quoted_for_points() -> None:
    text = "My teacher says that the prompt comes first. Prices must be looked up."
    assert found(text, {"a": ["Prices must be looked up"]}) == []
    assert found(text, {}) == []


REFUSED = [
    ("Avoid a search in the shop's database, because it is slow.", ["a search in the shop's database"]),
    ("I would refrain from training the tone.", ["training the tone"]),
    ("Instead of training the model, I would look prices up.", ["training the model"]),
    ("A vector database of products is a mistake.", ["A vector database of products"]),
    ("I advise strongly against caching the prompt.", ["caching the prompt"]),
    ("There is no need for a blind comparison.", ["a blind comparison"]),
    ("Keep away from vector databases.", ["vector databases"]),
    ("Nobody should split by customer.", ["split by customer"]),
    ("It is a waste of money to train an adapter.", ["train an adapter"]),
    ("Anything but a smaller learning rate.", ["a smaller learning rate"]),
]
NOTHING_REFUSED = [
    "Look prices up for each question.",
    "Measure the tone against the old version.",
    "A search comes first, then an adapter.",
    "The prompt is worth a try.",
    "Train it on replies of our best people.",
    "The reward is a proxy of what we want.",
    "Stop when the validation loss rises.",
    "Keep the rate and change the data.",
    "The passage stood at place 7.",
    "Nothing is known about the new week.",
]


@pytest.mark.parametrize(("text", "expected"), [*REFUSED, *((text, []) for text in NOTHING_REFUSED)])
def test_the_refused_words_are_cut_out(text: str, expected: list[str]) -> None:
    assert refused(text) == expected


RUBRIC = free_text(question()).rubric
ALL_MET = {c.id: Mark.MET for c in RUBRIC}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Nobody should think that chlorophyll soaks up red and blue light.", ["advises-against: absorbs"]),
        ("Nobody should think that leaves absorb green light.", []),
        ("Nobody should do gardens on Sundays.", []),
        (
            "Avoid light that chlorophyll soaks up. Never believe that a tree takes chlorophyll down.",
            ["advises-against: absorbs", "advises-against: broken-down"],
        ),
        ("Avoid light that chlorophyll soaks up.", []),
    ],
)
def test_refusing_what_a_criterion_asks_for_differs_from_refusing_what_it_rejects(
    answer: str, expected: list[str]
) -> None:
    vectors = embedded(compared(answer, RUBRIC))
    assert advises_against(answer, RUBRIC, ALL_MET, vectors) == expected
    assert advises_against(answer, RUBRIC, dict.fromkeys(ALL_MET, Mark.NOT_MET), vectors) == []


def embedded(texts: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    return {text: np.asarray(embed(Embed((text,))).vectors[0]) for text in texts}


def test_such_an_answer_goes_to_a_person_and_keeps_its_points() -> None:
    answer = GOOD + " I take all of it back."
    result, _ = graded(bundle_of(), answer, lambda _: says(GOOD_MARKS, quoting(GOOD, free_text(question()).rubric)))
    assert (result.score, result.review, result.provisional) == (1.0, ("takes-back",), True)


def test_long_runs_of_spaces_and_words_take_no_time() -> None:
    """It took minutes for 20,000 spaces while white space was matched as it stands."""
    for text in ("I" + " " * 20000 + "x", "the very old " * 1500):
        assert found(text, {"a": [text[:20]]}) == []
        assert refused(text) == []
