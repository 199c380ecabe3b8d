"""Claims of *What a model does with your words*."""

from __future__ import annotations

from statistics import mean
from typing import Any

from challenges.models.token_counts import prefix_tokens
from tests.lessons import next_token
from tests.lessons.claims import Claims
from tests.lessons.evidence import Evidence, differing

RAISE, SAY, WHY = "raise-the-right-word", "say-it-in-fewer-tokens", "why-did-it-say-that"
AUSTRALIA, QUESTION = "The capital of Australia is", "What is the capital of Australia?"
FEELING = "Message: {}\nFeeling:"
STAIRS = "There was somebody in the house last night, I heard the stairs."
LABELS = ("happy", "sad", "angry", "afraid")
TURN = "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"

claims = Claims("what-a-model-does")

SENTENCES = {
    "The heating is broken.": 5,
    "Die Heizung ist kaputt.": 9,
    "La calefacción está rota.": 10,
    "Η θέρμανση χάλασε.": 17,  # noqa: RUF001
}


def drawing(evidence: Evidence, name: str) -> str:
    return evidence.lesson.files[f"assets/{name}.svg"].decode()


@claims.about(
    "text",
    "One sentence in four languages, cut into the tokens of this course's model.",
    "English: 5 tokens, each of them a whole word or the full stop. German: 9 tokens. Spanish: 10 tokens. Greek: 17 "
    "tokens, about one for each letter.",
    live=True,
)
def the_sentence_has_as_many_tokens_in_each_language(evidence: Evidence) -> None:
    assert {text: len(next_token.ids(text)) for text in SENTENCES} == SENTENCES
    assert next_token.pieces("The heating is broken.") == ["The", " heating", " is", " broken", "."]
    shown = drawing(evidence, "tokens")
    assert all(text in shown and f"{count} tokens" in shown for text, count in SENTENCES.items())
    assert shown.count("<rect") == sum(SENTENCES.values())


@claims.about(
    "text",
    "The model of this course has a fixed list of 49,152 of them",
    "For this one the limit is 8,192.",
    "` giraffe` with the space before it is a single token",
    live=True,
)
def the_list_and_the_limit_are_those_of_the_model(evidence: Evidence) -> None:
    assert next_token.tokenizer().get_vocab_size() == 49_152
    assert next_token.base().context == 8_192
    assert len(next_token.ids(" giraffe")) == 1


@claims.about(
    "drawing assets/next-token.svg",
    "Sydney 0.36, Canberra 0.34, the 0.04, Perth 0.04, New 0.03, and all other tokens together 0.19.",
    "Canberra is the capital, but Sydney is the likeliest word.",
    "At 0 never, at 1 in about a third of the cases",
    live=True,
)
def sydney_is_the_likeliest_word(evidence: Evidence) -> None:
    found = next_token.likeliest(AUSTRALIA, 5)
    assert [word for word, _ in found] == [" Sydney", " Canberra", " the", " Perth", " New"]
    assert _near([share for _, share in found], [0.36, 0.34, 0.04, 0.04, 0.03])
    rest = 1 - float(next_token.probabilities(AUSTRALIA).topk(5).values.sum())
    assert _near([rest], [0.19])
    assert all(f">{share}<" in drawing(evidence, "next-token") for share in ("0.36", "0.34", "0.04", "0.03", "0.19"))


@claims.about(
    "drawing assets/temperature.svg",
    "At 0.5: Sydney 0.52, Canberra 0.46, the 0.01, all other tokens 0.01. At 1: Sydney 0.36, Canberra 0.34, the 0.04, "
    "all others 0.26. At 2: Sydney 0.03, Canberra 0.03, the 0.01, all others 0.94.",
    "At temperature 2 nearly every draw gives another token than these three.",
    live=True,
)
def a_higher_temperature_makes_the_tokens_more_alike(evidence: Evidence) -> None:
    shown = drawing(evidence, "temperature")
    told = {0.5: [0.52, 0.46, 0.01, 0.01], 1.0: [0.36, 0.34, 0.04, 0.26], 2.0: [0.03, 0.03, 0.01, 0.94]}
    for temperature, values in told.items():
        three = [share for _, share in next_token.likeliest(AUSTRALIA, 3, temperature)]
        rest = 1 - float(next_token.probabilities(AUSTRALIA, temperature).topk(3).values.sum())
        assert _near([*three, rest], values)
        assert all(f">{value:.2f}<" in shown for value in values)


@claims.about(
    "drawing assets/empty-message.svg",
    "After an empty message: happy 0.57, sad 0.19, angry 0.21, afraid 0.02. After the message about somebody in the "
    "house: happy 0.15, sad 0.14, angry 0.42, afraid 0.29, so angry wins. The second divided by the first: happy 0.26, "
    "sad 0.73, angry 1.98, afraid 13.90, so afraid wins.",
    live=True,
)
def the_message_speaks_for_afraid_if_what_the_words_get_anyway_is_divided_away(evidence: Evidence) -> None:
    empty, message = (_shares(FEELING.format(text)) for text in ("", STAIRS))
    assert _near(empty, [0.57, 0.19, 0.21, 0.02]) and _near(message, [0.15, 0.14, 0.42, 0.29])
    ratios = [one / other for one, other in zip(message, empty, strict=True)]
    assert _near(ratios[:3], [0.26, 0.73, 1.98], 0.02) and 13 < ratios[3] < 15


@claims.about(
    "text",
    'The model goes on with "1922, and it\'s now a museum dedicated to the history of the lighthouse".',
    live=True,
)
def the_lighthouse_is_continued(evidence: Evidence) -> None:
    said = next_token.continued("The lighthouse of Velsay was built in", 24)
    assert said.startswith(" 1922, and it's now a museum dedicated to the history of the lighthouse")


@claims.about(
    "text",
    'Somebody asks this model in the right form for the last letter of the word giraffe. It answers "R".',
    live=True,
)
def it_cannot_tell_the_last_letter(evidence: Evidence) -> None:
    said = next_token.continued(next_token.SYSTEM + TURN.format("What is the last letter of the word giraffe?"), 20)
    assert said == 'The last letter of the word "giraffe" is "R".'


@claims.about(
    "table What the model reads | What it writes",
    "The capital of Australia is Canberra. The answer is: 1. The answer is: 2.",
    "At the top of this lesson, the same model said Sydney.",
    live=True,
)
def the_form_decides_what_follows(evidence: Evidence) -> None:
    assert next_token.continued(TURN.format(QUESTION), 20) == "The capital of Australia is Canberra."
    assert next_token.continued(QUESTION, 5) == next_token.continued(f"[INST] {QUESTION} [/INST]", 5) == ""
    written = next_token.continued(f"User: {QUESTION}\nAssistant:", 40)
    assert " ".join(written.split()) == "The capital of Australia is Canberra. The answer is: 1. The answer is: 2."
    assert next_token.continued(AUSTRALIA, 1) == " Sydney"


@claims.about(
    "text",
    "With *Raise the right word* you write a prompt that sorts feelings, with *Say it in fewer tokens* one that has to "
    "be short, and with *Why did it say that?*",
)
def the_lesson_announces_what_it_has(evidence: Evidence) -> None:
    assert {RAISE, SAY, WHY} <= {one.challenge.id for one in evidence.lesson.challenges}


@claims.about("finding natural-template", "in five templates that a feeling completes, such as *I feel so*.")
def the_template_matters(evidence: Evidence) -> None:
    assert len(evidence.arm_record("natural-template", "natural").runs) == 5
    given = evidence.arm(RAISE, "findings/template-given.yaml")
    assert given.example is None and given.label_words == {"afraid": "scared"}
    assert evidence.claim("natural-template", 1).low > 0


@claims.about(
    "finding label-words",
    "Five sets, all of them with *scared* for afraid and four with another word for happy, such as *excited*,",
    "one of them changes nothing but *afraid*, and it alone gained about two thirds of the difference.",
)
def the_words_matter(evidence: Evidence) -> None:
    runs = {run.name: run.values["score"] for run in evidence.arm_record("label-words", "words").runs}
    words = [evidence.arm(RAISE, f"findings/{name}.yaml").label_words for name in runs]
    assert len(words) == 5 and all(one["afraid"] == "scared" for one in words)
    assert sum("happy" in one for one in words) == 4 and {"afraid": "scared"} in words
    alone = runs["template-so"] - evidence.mean("label-words", "given")
    assert 0.6 < alone / evidence.claim("label-words", 1).effect < 0.73
    best = evidence.arm(RAISE, "findings/words-excited.yaml")
    assert best.label_words == {"happy": "excited", "afraid": "scared"} and "I feel so" in best.example
    assert evidence.claim("label-words", 1).low > 0


@claims.about(
    "finding plain-words",
    "With plain words in small letters in their place, such as *noise* for Neighbours and *rent* for Lease, it was",
    "they have small letters and fewer tokens, and two of them, *heating* and *plumbing*, are the names themselves",
)
def plain_words_sort_better_than_the_names_of_departments(evidence: Evidence) -> None:
    for name in "abcde":
        words, names = (evidence.arm(SAY, f"findings/{arm}-{name}.yaml") for arm in ("words", "names"))
        assert differing(words, names) == {"label_words"} and not names.label_words
        assert (words.label_words["Neighbours"], words.label_words["Lease"]) == ("noise", "rent")
        assert [name for name, word in words.label_words.items() if word == name.lower()] == ["Heating", "Plumbing"]
    tokens = [
        mean(run.cost["prompt_tokens"] for run in evidence.arm_record("plain-words", arm).runs)
        for arm in ("words", "names")
    ]
    assert tokens[0] < tokens[1]
    assert evidence.claim("plain-words", 1).low > 0
    # The statement says what a learner can expect on hidden rows.
    shown = (evidence.public_mean("plain-words", "words"), evidence.mean("plain-words", "words"))
    assert (
        "got {:.2f} there on average, and {:.2f} on the hidden ones".format(*shown) in evidence.challenge(SAY).statement
    )


@claims.about(
    "finding short-examples",
    "Five sets of five examples that have two to five words each got",
    "Five sets of five messages of tenants had more than twice as many tokens each",
    live=True,
)
def short_examples_cost_less(evidence: Evidence) -> None:
    for name in "abcde":
        short, messages = (evidence.arm(SAY, f"findings/{arm}-{name}.yaml") for arm in ("words", "messages"))
        assert all(2 <= len(example.input.split()) <= 5 for example in short.examples)
        assert differing(short, messages) == {"examples"} and len(short.examples) == len(messages.examples) == 5
        assert 30 < _cost(evidence, short) < 40 and 2 * 39 < _cost(evidence, messages) < 110


@claims.about("text", live=True)
def the_notes_of_the_museum_are_what_the_model_says(evidence: Evidence) -> None:
    """The statement of *Why did it say that?* shows recorded outputs. Its three draws of note 4 are not asked again."""
    mars = dict(next_token.likeliest("The first person to walk on Mars was", 9))
    assert _near(
        [mars[f" {word}"] for word in ("named", "John", "a", "Neil", "NASA", "Alex")],
        [0.11, 0.04, 0.04, 0.03, 0.03, 0.03],
    )
    assert next_token.continued("The first person to walk on Mars was", 3) == " named Alex."
    theft, empty = (_shares(f"Input: {text}\nOutput:") for text in ("My bike was stolen last night.", ""))
    assert _near(theft, [0.74, 0.21, 0.05, 0.0]) and _near(empty, [0.73, 0.20, 0.04, 0.03])
    assert next_token.continued(TURN.format("Name three fruits."), 20).split("\n") == [
        "1. Bananas",
        "2. Oranges",
        "3. Grapes",
    ]
    assert next_token.continued("Name three fruits.", 20).split("\n\n") == [
        "",
        "The answer is: 1.",
        "The answer is: 2.",
    ]
    animal = "My favourite animal is the"
    assert next_token.likeliest(animal, 1) == [(" cat", 0.11)]
    letter = "What is the last letter of the word umbrella?"
    assert next_token.continued(next_token.SYSTEM + TURN.format(letter), 20).endswith('umbrella is "u".')
    assert next_token.pieces(letter) == [
        "What",
        " is",
        " the",
        " last",
        " letter",
        " of",
        " the",
        " word",
        " umbrella",
        "?",
    ]


def _cost(evidence: Evidence, prompt: Any) -> int:
    """The tokens that the score of *Say it in fewer tokens* charges for."""
    return prefix_tokens(
        evidence.challenge(SAY).challenge,
        lambda text: len(next_token.ids(text)),
        instructions=prompt.instructions,
        examples=prompt.examples,
        template=prompt.example,
        words=prompt.label_words,
    )


def _shares(text: str) -> list[float]:
    found = list(next_token.words(text, LABELS).values())
    return [one / sum(found) for one in found]


def _near(found: list[float], told: list[float], within: float = 0.01) -> bool:
    """Whether the numbers are those that the text tells, up to rounding and another processor's arithmetic."""
    return all(abs(one - other) <= within for one, other in zip(found, told, strict=True))
