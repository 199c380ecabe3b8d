"""Each detector with sentences that it must find, and with similar honest sentences."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from challenges.kinds.rubric import free_text
from graders.base import Mark
from graders.free_text.speech_acts.answer_detectors import takes_back, tells_story
from graders.free_text.speech_acts.refusals import refused, refuses
from graders.free_text.speech_acts.rules import rules
from graders.free_text.speech_acts.sentence_detectors import (
    Sentence,
    asks,
    commits_to_nothing,
    is_stub,
    mocks,
    reports,
    sentences_of,
    sentences_with,
)
from tests.graders.free_text.judges import GOOD, GOOD_MARKS, embed, graded, question, quoting, says
from tests.graders.free_text.judges import bundle_of as bundle

HITS: dict[Callable[[Sentence], bool], list[str]] = {
    asks: [
        "Does chlorophyll absorb red and blue light?",
        "Would one search the stock list for every caller?",
        "I have yet to find out which light a leaf keeps.",
        "I wonder whether the pigment is broken down in autumn.",
        "We are not sure if it absorbs red light.",
    ],
    reports: [
        "There was talk of a pigment that absorbs red light.",
        "My colleagues argue that the tree takes its chlorophyll apart.",
        "Some people say that carotenoids were there all along.",
        "It has been suggested that the red light stays in the leaf.",
        "According to the speaker, nitrogen goes back into the trunk.",
        "The lesson recommends a look-up for everything that changes.",
        "I was told that an index is updated in a minute.",
        "Chlorophyll is supposed to keep the red light.",
        "A consultant at the fair claimed that an adapter holds the tone.",
    ],
    commits_to_nothing: [
        "If one were to look closely, one would see carotenoids.",
        "Suppose the tree took its pigment apart.",
        "In theory the yellow was there before.",
        "One could search the documents for each question.",
        "It might be worth a thought to cache the prompt.",
        "I wish that the prices came from a database.",
        "It would be nice if the tone were trained with examples.",
        "Perhaps one should keep the facts outside of the model.",
    ],
    mocks: [
        "Oh sure, chlorophyll eats the red light.",
        "Put all of it into the weights, what could possibly go wrong?",
        "What a brilliant plan that is.",
        "Genius! The leaf paints itself.",
        "Because that always works.",
        "Good luck with that.",
    ],
    is_stub: [
        "Catalogue: retrieval",
        "| catalogue | retrieval | weekly changes |",
        "- chlorophyll",
        "RAG for the products, LoRA for the voice.",
        "Red and blue light, absorption, chlorophyll.",
    ],
}
ALIKE: dict[Callable[[Sentence], bool], list[str]] = {
    asks: [
        "The question is which light stays, and that is the red and the blue.",
        "I would ask the database for the price.",
        "Whether it rains or not, chlorophyll absorbs red light, and so I asked nobody.".replace("Whether", "If"),
    ],
    reports: [
        "If customers still say that it sounds wrong, I would train the tone.",
        "Once some people say that the voice drifts, train an adapter.",
        "My teacher says that the prompt comes first, and I agree with her.",
        "The model says last week's price, because nobody trained it again.",
        "As the question says, the prices change each week.",
        "I would train on replies which our best people wrote.",
        "The bot is told the price at question time.",
    ],
    commits_to_nothing: [
        "If the tone drifts, train an adapter.",
        "I would use retrieval for the prices.",
        "A changed price could not be corrected in the weights.",
        "You can cache the part that never changes.",
        "Nobody may see the yellow before the green has gone.",
        "Train only if the prompt does not hold the voice.",
    ],
    mocks: [
        "Of course the prices come from the database.",
        "Look them up, not from the chat!",
        "Clearly the pigment was there before.",
        "lol, start with a prompt and see how far it gets you",
        "That is a brilliant use of a cache.",
    ],
    is_stub: [
        "Weights are stale by Monday.",
        "- Retrieval, because an entry can be corrected in a minute.",
        "Cache the prompt, otherwise you pay for it with each call.",
        "For me the facts come from outside.",
    ],
}


@pytest.mark.parametrize(("detector", "sentence"), [(f, one) for f, some in HITS.items() for one in some])
def test_a_detector_finds_what_it_is_for(detector: Callable[[Sentence], bool], sentence: str) -> None:
    assert detector(Sentence(sentence))


@pytest.mark.parametrize(("detector", "sentence"), [(f, one) for f, some in ALIKE.items() for one in some])
def test_a_detector_passes_over_honest_sentences(detector: Callable[[Sentence], bool], sentence: str) -> None:
    assert not detector(Sentence(sentence))


def test_a_short_question_that_the_learner_answers_at_once_is_a_heading() -> None:
    heading, answer = sentences_of("And the voice? An adapter holds it, because it is style.")
    assert not asks(heading)
    assert not asks(answer)
    assert asks(sentences_of("And the voice? Would an adapter hold it?")[0])


def test_agreement_in_the_next_sentence_takes_a_report_over() -> None:
    said, *_ = sentences_of("My teacher says: the prompt comes first. I agree, because it is the cheapest step.")
    assert not reports(said)


@pytest.mark.parametrize(
    "text",
    [
        "Look prices up. I see it differently, though.",
        "Train the tone. None of this convinces me.",
        "Search first. I would not recommend any of it.",
        "Search the list. Scratch that. Forget all of the above.",
        "All of the above is wrong.",
        "The opposite is true.",
        "I was only joking.",
    ],
)
def test_an_answer_that_takes_itself_back(text: str) -> None:
    assert takes_back(text)


@pytest.mark.parametrize(
    "text",
    [
        "These are the minutes; their author takes no side.",
        "I only write down what was said and draw no conclusion.",
        "The clerk abstains from any judgement of her own.",
        "All this was noted without a view of our own.",
        "I no longer believe in any of it.",
        "We no longer hold that view.",
    ],
)
def test_an_answer_that_disowns_what_it_says_is_found(text: str) -> None:
    assert takes_back(f"The leaf keeps red and blue light. {text}")


@pytest.mark.parametrize(
    "text",
    [
        "A prompt leaves no side effects, so I would begin with it.",
        "The old price no longer holds after a week.",
        "Without examples of our own voice the tone stays flat.",
        "The model has no view of the catalogue, so I look things up.",
    ],
)
def test_honest_words_about_views_disown_nothing(text: str) -> None:
    assert not takes_back(text)


@pytest.mark.parametrize(
    "text",
    [
        "Do not train the prices. If one is wrong, you correct it in the database.",
        "I would not do both on day one.",
        "I don't see a need for full training.",
        "The model would forget the prices. It sees another list each week.",
        "Not the facts but the manner deserves an adapter.",
    ],
)
def test_an_answer_that_only_denies_takes_nothing_back(text: str) -> None:
    assert not takes_back(text)


def test_stories_tell_in_the_past_tense_what_somebody_did() -> None:
    told = "The gardener laughed. She said that the green was a guest. Then she went home and thought of carotenoids."
    assert tells_story(told)
    assert not tells_story(GOOD)
    assert not tells_story(
        "Price lists were printed once. Today they change each week. So I look them up for each call."
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Avoid a search in the shop's database, because it is slow.", ["a search in the shop's database"]),
        ("I would refrain from training the tone.", ["training the tone"]),
        ("Instead of training the model, I would look prices up.", ["training the model"]),
        ("A vector database of products is a mistake.", ["A vector database of products"]),
        ("Look prices up for each question.", []),
    ],
)
def test_the_refused_words_are_cut_out(text: str, expected: list[str]) -> None:
    assert refused(text) == expected


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("chlorophyll soaks up red and blue light", True),
        ("leaves absorb green light", False),
        ("gardens on Sundays", False),
    ],
)
def test_refusing_what_a_criterion_asks_for_differs_from_refusing_what_it_rejects(scope: str, expected: bool) -> None:
    rubric = free_text(question()).rubric
    texts = [scope, *(phrase for c in rubric for phrase in (*c.accept, *c.reject, c.text))]
    vectors = {text: np.asarray(embed_text(text)) for text in texts}
    assert refuses([rubric[0]], rubric, [scope], vectors) == (("absorbs",) if expected else ())


def embed_text(text: str) -> list[float]:
    from graders.base import Embed

    return embed(Embed((text,))).vectors[0]


def test_passages_around_quotes_know_their_neighbours() -> None:
    text = "First one. The second one here. A third."
    assert sentences_with(["second one"], text) == [Sentence("The second one here.", "First one.", "A third.")]
    assert sentences_with(["nowhere"], text) == []


MET = dict.fromkeys(GOOD_MARKS, Mark.MET)
NOTHING: dict[str, np.ndarray] = {}


@pytest.mark.parametrize(
    ("answer", "rule"),
    [
        ("Does chlorophyll soak up red and blue light? Does the tree break its pigment down?", "asks-only: absorbs"),
        ("There was talk of chlorophyll that soaks up red light. The tree breaks it down.", "reported-speech: absorbs"),
        ("One could say that chlorophyll soaks up red light. The tree breaks it down.", "no-commitment: absorbs"),
        ("Chlorophyll soaks up red light. The tree breaks its pigment down. What a clever theory!", "irony"),
        ("Chlorophyll soaks up red light. The tree breaks it down. I see it differently.", "takes-back"),
        ("Red light: chlorophyll. Autumn: pigment, tree.", "stubs-quoted"),
    ],
)
def test_the_rule_names_the_criterion_whose_quote_it_is_about(answer: str, rule: str) -> None:
    rubric = free_text(question()).rubric
    texts = [p for c in rubric for p in (*c.accept, *c.reject, c.text)]
    vectors = {text: np.asarray(embed_text(text)) for text in [*texts, *refused(answer)]}
    assert rule in rules(answer, rubric, MET, quoting(answer, rubric), vectors)


def test_a_sentence_that_earned_nothing_may_ask() -> None:
    answer = f"{GOOD} Who would have thought that chlorophyll is so greedy in all of these leaves?"
    result, _ = graded(bundle(), answer, lambda _: says(GOOD_MARKS, quoting(GOOD, free_text(question()).rubric)))
    assert result.review == ()


def test_a_flag_sends_to_review_and_keeps_the_points() -> None:
    answer = GOOD + " I see it differently."
    result, _ = graded(bundle(), answer, lambda _: says(GOOD_MARKS, quoting(GOOD, free_text(question()).rubric)))
    assert (result.score, "takes-back" in result.review, result.provisional) == (1.0, True, True)
