"""Claims of *Retrieval: give the model your documents*."""

from __future__ import annotations

from statistics import mean

from challenges.documents import count_passages
from challenges.kinds.rag_keys import NOT_IN_CORPUS, corpora
from challenges.lesson.text import sections
from tests.lessons.claims import Claims
from tests.lessons.evidence import Evidence, differing, place
from workers.engine import embeddings
from workers.engine.watch import Watch
from workers.retrieval.search import fused
from workers.retrieval.words import WordIndex

FERRY, HANDBOOK = "find-the-right-page", "answer-from-the-handbook"
LAPTOP = "Is there electricity for my laptop?"
BOAT = "Which boat is VLGW?"
NUTS = "I am allergic to nuts, can I eat the soup?"
WHISKY = "Can I get a whisky?"
CINEMA = "Is there a cinema on board?"
SEATS = "seats-and-cabins"
SOCKETS = "Power sockets are under every second table in the saloon."
SETS = "abcde"

claims = Claims(
    "retrieval",
    advice=("Ask | If so, the failure is in | Then try",),
)


@claims.about(
    "text", "Next comes *Fine-tuning vs prompting*", "Three questions from the search at the top of this lesson,"
)
def the_next_lesson_and_the_step_exist(evidence: Evidence) -> None:
    assert "<!-- retriever -->" in sections(evidence.lesson.text)[0].text
    following = evidence.next_lesson()
    assert following is not None and following.lesson.title.startswith("Fine-tuning vs prompting:")


@claims.about(
    "retriever",
    "The answer is on one of the 54 pages of the company's handbook",
    f'"{SOCKETS}" But this sentence contains neither *electricity* nor *laptop*.',
    "the right page, *Seats, quiet room and lounge*",
    "The handbook says nothing about a cinema.",
)
def the_answer_stands_on_one_page_in_other_words(evidence: Evidence) -> None:
    (documents,) = corpora(evidence.challenge(FERRY).challenge)
    assert len(documents) == 54
    holding = [document for document in documents if SOCKETS in document.text]
    assert [(one.id, one.title) for one in holding] == [(SEATS, "Seats, quiet room and lounge")]
    texts = " ".join(document.text.lower() for document in documents)
    assert not any(word in texts for word in ("cinema", "film theatre", "laptop"))
    assert not {"electricity", "laptop"} & set(SOCKETS.lower().split())


@claims.about(
    "retriever",
    'The first passage of the joined list begins "table in the saloon". The sockets stand in the passage before, which '
    'ends "under every second".',
    "It leaves out very common words such as *is*, so for the laptop it finds nothing.",
    "It finds the right page.",
    live=True,
)
def the_laptop_is_found_but_its_sentence_is_torn(evidence: Evidence) -> None:
    found = evidence.search(LAPTOP)
    assert found["words"] == () and place(found["vectors"], SEATS) == place(found["both"], SEATS) == 1
    assert found["both"][0].text.startswith("table in the saloon")
    everything = evidence.search("Power sockets are under every second", top_k=8)["vectors"]
    assert any(one.text.endswith("Power sockets are under every second") for one in everything)


@claims.about(
    "retriever",
    "With such an overlap the whole sentence about the sockets stands in one passage, and the vectors find it "
    "in second "
    "place.",
    live=True,
)
def an_overlap_keeps_the_sentence_whole(evidence: Evidence) -> None:
    assert SOCKETS in evidence.search(LAPTOP, overlap=0.5)["vectors"][1].text
    assert not any(SOCKETS in one.text for one in evidence.search(LAPTOP, top_k=8)["vectors"])


@claims.about(
    "retriever",
    "by vectors the right passage, about beer, cider and spirits, is first. In the joined list it is missing, and a "
    "passage about shoes is first, because it contains the word *get*.",
    live=True,
)
def the_joined_list_can_lose_what_the_vectors_have_first(evidence: Evidence) -> None:
    found = evidence.search(WHISKY)
    right = found["vectors"][0].text
    assert "Beer and cider are sold" in right and "spirits not at all" in right
    assert right not in [one.text for one in found["both"]]
    assert "shoes" in found["both"][0].text and " get " in found["both"][0].text
    assert found["both"][0].text == found["words"][0].text


@claims.about(
    "retriever",
    "But a search by vectors still finds *something*",
    "A search by vectors finds something for every question, even if the handbook has no answer.",
    "in the search at the top, the vectors score the best passage for the cinema higher than the right one for the "
    "laptop.",
    live=True,
)
def what_is_not_there_may_score_higher_than_what_is(evidence: Evidence) -> None:
    cinema, laptop = evidence.search(CINEMA)["vectors"], evidence.search(LAPTOP)["vectors"]
    assert len(cinema) == 3 and laptop[0].document == SEATS and cinema[0].score > laptop[0].score + 0.05


@claims.about(
    "retriever",
    "in this handbook the text begins with the title of the page. So **titles are searched too**: the title stands in "
    "the first passage of its page.",
    "Each page of the handbook, with its title, was cut into passages of 20 words without overlap; here are the best "
    "three of each search, each with the title of its page above it.",
    live=True,
)
def titles_are_cut_and_searched_with_the_text(evidence: Evidence) -> None:
    (documents,) = corpora(evidence.challenge(FERRY).challenge)
    assert all(one.text.startswith(f"# {one.title}\n") and len(one.title) > 3 for one in documents)
    title = "# Photographs, films and drones"
    found = evidence.search(title)
    assert all(any(one.text.startswith(title) for one in passages) for passages in found.values())
    assert {len(one) for one in found.values()} == {3}
    assert {len(one.text.split()) for one in found["words"]} == {20}


@claims.about(
    "retriever",
    "Scores lie between 0 and 1",
    "for both together the mean of the two is shown",
    live=True,
)
def the_score_of_both_is_the_mean(evidence: Evidence) -> None:
    found = evidence.search(NUTS, top_k=8)
    scores = {method: {one.text: one.score for one in passages} for method, passages in found.items()}
    assert all(0 <= score <= 1 for of in scores.values() for score in of.values())
    shared = scores["both"].keys() & scores["words"].keys() & scores["vectors"].keys()
    assert shared
    for text in shared:
        assert abs(scores["both"][text] - (scores["words"][text] + scores["vectors"][text]) / 2) < 0.0002


@claims.about(
    "table Question | Words | Vectors | Both",
    "with the place of the right page's first passage among the best three:",
    f"| {LAPTOP} | missing: 0 | 1st: 1 | 1st: 1 |",
    f"| {BOAT} | 1st: 1 | missing: 0 | 2nd: 1/2 |",
    f"| {NUTS} | 2nd: 1/2 | 1st: 1 | 1st: 1 |",
    "| **MRR** | **1/2** | **2/3** | **5/6** |",
    live=True,
)
def the_table_of_places_is_that_of_the_search(evidence: Evidence) -> None:
    right = {LAPTOP: SEATS, BOAT: "vessel-grey-wader", NUTS: "food"}
    assert set(right) < set(evidence.lesson.lesson.retriever.chips)  # type: ignore[union-attr]
    places = {
        question: [place(found, document) for found in evidence.search(question).values()]
        for question, document in right.items()
    }
    assert places == {LAPTOP: [None, 1, 1], BOAT: [1, None, 2], NUTS: [2, 1, 1]}
    columns = zip(*places.values(), strict=True)
    assert [round(mean(1 / one if one else 0 for one in column), 4) for column in columns] == [0.5, 0.6667, 0.8333]


@claims.about("text", "a list of numbers (here 384)", live=True)
def an_embedding_has_384_numbers(evidence: Evidence) -> None:
    assert [len(one) for one in embeddings.embed(["a text"], Watch())] == [384]


@claims.about("text", "The one above cuts off texts after 256 word pieces")
def the_encoder_reads_256_word_pieces(evidence: Evidence) -> None:
    assert embeddings.WORD_PIECES == 256


@claims.about("text", "in our search even *dog* and *dogs* are two different words.", "it knows no meanings. For it,")
def the_search_by_words_knows_no_forms_of_a_word(evidence: Evidence) -> None:
    index = WordIndex(["Dogs travel free.", "The dog area is at the stern.", "A whale was seen."])
    assert [score > 0 for score in index.scores("dog")] == [False, True, False]
    assert not any(WordIndex(["Power sockets", "a whale"]).scores("electricity"))


@claims.about("text", "If it is missing in one list, it gets nothing for that one. Only places count.")
def the_lists_are_joined_by_places(evidence: Evidence) -> None:
    assert fused([[1, 2], [2, 3]])[0] == 2 and set(fused([[1], [2]])) == {1, 2}


@claims.about("text", "Overlap has a price: with a half there are nearly twice as many passages")
def a_half_makes_nearly_twice_as_many_passages(evidence: Evidence) -> None:
    (documents,) = corpora(evidence.challenge(FERRY).challenge)
    assert 1.75 < count_passages(documents, 20, 0.5) / count_passages(documents, 20, 0.0) < 2


@claims.about(
    "finding words-and-vectors",
    "All three cut passages of 20 words and handed over the best three.",
    "About a tenth of the questions have no answer.",
    "explained in step 4 of this lesson",
)
def the_three_searches_differ_in_nothing_else(evidence: Evidence) -> None:
    rows = evidence.challenge(FERRY).hidden
    assert 0.08 < sum(not row.documents for row in rows) / len(rows) < 0.12
    assert sections(evidence.lesson.text)[3].title == "Measure the search first"
    both, vectors, words = (evidence.arm(FERRY, f"findings/{n}-20.yaml") for n in ("both", "vectors", "words"))
    assert differing(both, vectors) == differing(both, words) == {"method"}
    assert both.chunk_words == 20 and both.top_k == 3
    with_overlap = [evidence.arm(FERRY, f"findings/{n}-20-half.yaml") for n in ("vectors", "both")]
    assert differing(*with_overlap) == {"method"} and differing(with_overlap[0], vectors) == {"overlap"}
    assert with_overlap[0].overlap == 0.5
    assert [evidence.claim("words-and-vectors", n).found for n in range(1, 5)] == ["higher", "unclear", *2 * ["higher"]]
    for first, second in (("vectors", "both"), ("vectors-half", "both-half")):
        means = [evidence.public_mean("words-and-vectors", arm) for arm in (first, second)]
        assert abs(means[0] - means[1]) < 0.03


@claims.about(
    "finding passage-length",
    "We measured it, and the result is less clear:",
    "On the public questions the short passages were ahead.",
)
def the_length_makes_no_clear_difference(evidence: Evidence) -> None:
    assert evidence.claim("passage-length", 1).found == "unclear"
    assert evidence.public_mean("passage-length", "short") > evidence.public_mean("passage-length", "long")


@claims.about(
    "finding how-many",
    "For a small reader, more need not be better. The best four passages always include the best one.",
    "Every example in the prompts shows one passage",
    "over five sets of four examples",
)
def one_passage_is_better_than_four(evidence: Evidence) -> None:
    for letter in SETS:
        one, four = (evidence.arm(HANDBOOK, f"findings/{n}-{letter}.yaml") for n in ("one", "four"))
        assert differing(one, four) == {"top_k"} and (one.top_k, four.top_k) == (1, 4) and len(one.examples) == 4
        assert all(example.passages.count("\n") == 0 for example in four.examples)
    assert evidence.claim("how-many", 1).found == "higher"


@claims.about(
    "finding answers-length",
    "A long passage brings such text with it:",
    "The handbook of this challenge is written in short sentences, about nine words each.",
    "The lowest score was the same for both",
    "Every example shows a passage of 12 words, and only one of the lengths matches it.",
)
def a_short_passage_is_better_than_a_long_one(evidence: Evidence) -> None:
    for letter in SETS:
        one, long = (evidence.arm(HANDBOOK, f"findings/{n}-{letter}.yaml") for n in ("one", "long"))
        assert differing(one, long) == {"chunk_words"} and (one.chunk_words, long.chunk_words) == (12, 60)
        assert {len(example.passages.split()) for example in long.examples} == {12}
    assert [evidence.claim("answers-length", n).found for n in (1, 2)] == ["higher", "unclear"]
    texts = [one.text.split("\n", 1)[1] for one in corpora(evidence.challenge(HANDBOOK).challenge)[0]]
    sentences = [one for text in texts for one in text.replace("\n", " ").split(". ") if one.strip()]
    assert 8 <= mean(len(one.split()) for one in sentences) < 10


@claims.about(
    "finding not-in-there",
    "Two guards can help:",
    "Few of the questions have no answer, and one of the four examples in each prompt shows such a question",
)
def a_lowest_score_makes_no_clear_difference(evidence: Evidence) -> None:
    for letter in SETS:
        one, anything = (evidence.arm(HANDBOOK, f"findings/{n}-{letter}.yaml") for n in ("one", "any"))
        assert differing(one, anything) == {"min_score"} and anything.min_score == 0 < one.min_score
        assert [example.output for example in one.examples].count(NOT_IN_CORPUS) == 1
    rows = evidence.challenge(HANDBOOK).hidden
    assert 0 < sum(not row.documents for row in rows) / len(rows) < 0.2
    assert evidence.claim("not-in-there", 1).found == "unclear"
