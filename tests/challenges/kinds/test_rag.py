"""What is refused of a retrieval and of a challenge with documents, and how a prompt is put together."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import challenges
from challenges.check import check
from challenges.documents import Document
from challenges.kinds.rag import KIND
from challenges.kinds.rag_keys import NOT_IN_CORPUS, RagKeys, halves
from challenges.kinds.rag_prompts import Asked, composed, filled, row_template
from challenges.kinds.rag_room import largest_only, largest_passages
from challenges.lint.run import lint
from challenges.payloads import parse
from challenges.prompts import render
from challenges.reading import read_challenge
from challenges.rows import Sample
from challenges.scaffold.base import Wanted
from challenges.scaffold.rag import files
from challenges.spec import Metric
from tests.challenges.factory import write_prompt_challenge, write_rows
from tests.challenges.kinds.rag_bundle import EXAMPLE, GOOD, rag_bundle, write_rag_challenge

CHALLENGE = rag_bundle().challenge


def words(text: str) -> int:
    return len(text.split())


BUILT_IN = read_challenge(Path(challenges.__file__).parent / "library/retrieval/find-the-right-page")
# As the form and the API of version 0.2.0 sent it, with fields that never counted.
SENT_BY_0_2_0 = {
    "kind": "rag",
    "chunk_words": 20,
    "overlap": 0.0,
    "method": "vectors",
    "top_k": 8,
    "min_score": 0.0,
    "instructions": "",
    "examples": [],
    "example": None,
}


def test_whether_a_model_is_asked_follows_from_the_metrics() -> None:
    def asks(name: str, *shown: str) -> bool:
        changed = CHALLENGE.model_copy(update={"metric": Metric(name=name), "public_metrics": shown})
        return KIND.asks_model(changed)

    assert not (asks("mrr") or asks("hit_rate", "mrr"))
    assert asks("token_f1", "hit_rate") and asks("mrr", "exact_match") and asks("of_a_package_that_is_gone")
    assert not KIND.asks_model(BUILT_IN.challenge) and not KIND.measures_costs(BUILT_IN.challenge)


def test_where_no_model_reads_no_prompt_is_counted_and_passages_are() -> None:
    searched = CHALLENGE.model_copy(update={"metric": Metric(name="mrr")})
    limits = searched.limits.model_copy(update={"prompt_tokens_max": 16})
    searched = searched.model_copy(update={"limits": limits})
    payload = parse({**GOOD, "instructions": "word " * 100})
    assert not list(check(searched, payload, words)) and KIND.tokens(searched, payload, words) is None
    (over,) = check(searched, payload, lambda text: 100 * words(text))
    assert (over.code, over.field) == ("too_many_tokens", "chunk_words")


def test_what_0_2_0_sent_to_the_built_in_search_is_accepted() -> None:
    assert not list(check(BUILT_IN.challenge, parse(SENT_BY_0_2_0), words))
    (row,) = [sample for sample in BUILT_IN.public if sample.id == "p1"]
    assert KIND.expected(BUILT_IN.challenge, row) == ("groups",)


def test_the_example_is_clean() -> None:
    assert lint(EXAMPLE) == []
    assert list(check(CHALLENGE, parse(GOOD), words)) == []


EXAMPLE_ROW = {"passages": "A garden.", "input": "What?", "output": "garden"}


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"chunk_words": 5}, [("range", "chunk_words")]),
        ({"chunk_words": 101}, [("range", "chunk_words")]),
        ({"overlap": 0.6}, [("range", "overlap")]),
        ({"top_k": 9}, [("range", "top_k")]),
        ({"example": "Q: {input}\nA: {output}"}, [("bad_template", "example")]),
        ({"example": "{input} {output} {passages}"}, [("bad_template", "example")]),
        ({"example": "{passages} {passages} {input} {output}"}, [("bad_template", "example")]),
        ({"example": "{passages} {output}"}, [("bad_template", "example")]),
        ({"example": "{output} {input} {passages}"}, [("bad_template", "example")]),
        ({"example": "{input} {passages} {output}"}, []),
        ({"instructions": "x" * 2001}, [("too_long", "instructions")]),
        ({"instructions": "\u202ehidden"}, [("control_character", "instructions")]),
        ({"instructions": "<|im_end|>"}, [("special_token", "instructions")]),
        ({"examples": [{**EXAMPLE_ROW, "passages": " "}]}, [("empty", "examples")]),
        ({"examples": [{**EXAMPLE_ROW, "output": " "}]}, [("empty", "examples")]),
        ({"examples": [{**EXAMPLE_ROW, "passages": "<|im_start|>"}]}, [("special_token", "examples")]),
        ({"examples": [{**EXAMPLE_ROW, "passages": "x" * 8192}]}, [("too_long", "examples")]),
        ({"examples": [EXAMPLE_ROW] * 17}, [("too_many_examples", "examples")]),
        ({"instructions": "word " * 390, "examples": [EXAMPLE_ROW] * 16}, []),
    ],
)
def test_each_field_is_checked(changes: dict[str, Any], found: list[tuple[str, str]]) -> None:
    assert [(one.code, one.field) for one in check(CHALLENGE, parse({**GOOD, **changes}), words)] == found


def test_refusals_say_how_to_mend_it() -> None:
    of_number, of_template = check(CHALLENGE, parse({**GOOD, "chunk_words": 5, "example": "{input}{output}"}), words)
    assert of_number.message == "The value must be between 10 and 100."
    assert "must contain {passages} exactly once" in of_template.message


def with_keys(**changes: Any) -> Any:
    keys = CHALLENGE.keys_of("rag")
    assert keys is not None
    return CHALLENGE.with_keys("rag", keys.model_copy(update=changes))


def test_passages_that_do_not_fit_together_are_refused_with_the_numbers_and_what_would_fit() -> None:
    tight = with_keys(passage_tokens_max=40)
    assert check(tight, parse({**GOOD, "chunk_words": 20, "top_k": 2}), words) == []
    (one,) = check(tight, parse({**GOOD, "chunk_words": 20, "top_k": 3}), words)
    assert (one.code, one.field) == ("too_many_tokens", "chunk_words")
    assert one.message.startswith("The 3 longest passages have 60 tokens together; 40 are allowed.")
    assert one.message.endswith("3 passages may have 13 words each. Of 20 words, 2 passages fit.")
    (one,) = check(tight, parse({**GOOD, "chunk_words": 80, "top_k": 1}), words)
    assert one.message.endswith("A single passage may have 40 words.")
    (one,) = check(tight, parse({**GOOD, "chunk_words": 100, "top_k": 8}), words)
    assert one.message.endswith("Choose a single passage of at most 40 words.")
    (one,) = check(with_keys(passage_tokens_max=8), parse({**GOOD, "chunk_words": 10, "top_k": 1}), words)
    assert "Not even the shortest passages fit" in one.message


@pytest.mark.parametrize("overlap", [0.0, 0.3])
@pytest.mark.parametrize("tokens_max", [40, 90, 180])
def test_the_largest_passages_that_are_shown_are_accepted(tokens_max: int, overlap: float) -> None:
    tight = with_keys(passage_tokens_max=tokens_max)
    fitting = largest_passages(tight, overlap, words)
    assert fitting and list(fitting.values()) == sorted(fitting.values(), reverse=True)
    for top_k, most in fitting.items():
        for chunk_words in (10, most):
            payload = parse({**GOOD, "chunk_words": chunk_words, "top_k": top_k, "overlap": overlap})
            assert check(tight, payload, words) == []
    one, two = largest_only({1: 9, 2: 9, 3: 5})
    assert (one, two) == ((2, 9), (3, 5))


def pages(count: int) -> Iterator[str]:
    """Pages such as those of a library's documentation: long paragraphs, links, code, tables and lists of names."""
    for number in range(count):
        yield f"# Handling requests, part {number}\n\n"
        yield "The application registers its handlers before the server starts, because a later change is lost. " * 12
        yield f"\n\nSee [`register_{number}()`](https://docs.example.org/en/stable/api/#app.Handler.register_{number}).\n"
        yield "\n```python\n"
        yield f'@app.route("/users/<int:user_id>/posts/<slug:post_slug>", methods=["GET", "POST"], name="p{number}")\n'
        yield "def show_post(user_id: int, post_slug: str, *, page_size: int = DEFAULT_SIZE) -> ResponseReturnValue:\n"
        yield (
            "    return render_template('posts/show.html', post=get_or_404(Post.query.filter_by(slug=post_slug)))\n" * 4
        )
        yield "```\n\n| `SESSION_COOKIE_SAMESITE` | `None`, `'Lax'` or `'Strict'` |\n" * 6
        yield END


END = "\n\x00"


def pieces(text: str) -> int:
    """About the tokens of a byte-pair tokenizer: three letters of a word, and each sign, are one."""
    return len(re.findall(r"[^\W_]{1,4}|[^\s\w]|_", text))


def test_the_template_fits_the_documentation_of_a_library() -> None:
    """Seventy pages with code refused even the template's own weak baseline, with 822 tokens of 400."""
    template = files(Wanted("mine", "text", ""))
    template_keys = yaml.safe_load(template["challenge.yaml"])
    texts = "".join(pages(70)).split(END)[:70]
    corpus = tuple(Document(id=f"page-{n}", text=text) for n, text in enumerate(texts))
    changed = {name: template_keys[name] for name in ("passage_tokens_max", "retrieval")}
    keys = RagKeys.model_validate({"corpus": corpus, **changed})
    spec = CHALLENGE.with_keys("rag", keys)
    for name in ("weak", "good", "gold"):
        payload = yaml.safe_load(template[f"baselines/{name}.yaml"])
        searched = {key: payload[key] for key in ("kind", "method", "chunk_words", "top_k")}
        assert not list(KIND.check_tokens(spec, parse(searched), pieces))
    fitting = largest_passages(spec, 0.0, pieces)
    assert list(fitting) == [1, 2, 3, 4, 5] and fitting[1] == keys.retrieval.chunk_words[1]


def test_changed_documents_count_as_well_and_documents_without_words_leave_nothing_to_look_up() -> None:
    document = CHALLENGE.keys_of("rag").corpus[0].model_copy(update={"id": "x", "text": "w " * 90})
    long = with_keys(updates=(document,), passage_tokens_max=80)
    (one,) = check(long, parse({**GOOD, "chunk_words": 90}), words)
    assert one.code == "too_many_tokens"
    blank = with_keys(corpus=(document.model_copy(update={"text": " \n "}),), updates=())
    assert [(p.code, p.field) for p in check(blank, parse(GOOD), words)] == [("empty", "chunk_words")]


def test_too_many_passages_are_refused_before_any_is_counted() -> None:
    document = CHALLENGE.keys_of("rag").corpus[0].model_copy(update={"text": "w " * 90_000})
    huge = with_keys(corpus=(document,))
    (one,) = check(huge, parse({**GOOD, "chunk_words": 10, "overlap": 0.5}), lambda text: pytest.fail("counted"))
    assert (one.code, one.field) == ("too_many_passages", "chunk_words")
    assert " passages; 4,000 are allowed. Choose longer" in one.message


def test_a_method_that_the_author_left_out_is_refused() -> None:
    keys = CHALLENGE.keys_of("rag")
    only = with_keys(retrieval=keys.retrieval.model_copy(update={"method": ("words",)}))
    (one,) = check(only, parse(GOOD), words)
    assert (one.code, one.field, one.message) == (
        "range", "method", "This challenge does not allow the method both. Choose one of these: words.",
    )  # fmt: skip


@pytest.mark.parametrize(
    "changes", [{"overlap": 1}, {"min_score": 1.1}, {"chunk_words": 0}, {"top_k": "2"}, {"method": "magic"}, {"k": 1}]
)
def test_shapes_are_refused_by_the_model(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        parse({**GOOD, **changes})


# --- prompts


def test_a_row_is_written_with_its_passages() -> None:
    template = "Text: {passages}\nQ: {input}\nA: {output}"
    rendered = render(
        CHALLENGE.prompt,
        instructions="Answer.",
        examples=[composed(template, "red", Asked("A red door.", "Which colour?"))],
        inputs=[filled(template, Asked("A blue gate.", "Which one?"))],
        template=row_template(template),
    )
    assert rendered.prefix == "Answer.\n\nText: A red door.\nQ: Which colour?\nA: red\n\n"
    assert rendered.suffixes == ("Text: A blue gate.\nQ: Which one?\nA:",) and rendered.lead == " "


@pytest.mark.parametrize("text", ["{input}", "{output}", "{passages}", "{passages} {input} {output}", "\\1 {0}"])
def test_braces_in_documents_and_questions_stay_text(text: str) -> None:
    template = "{passages}|{input}|{output}"
    rendered = render(
        CHALLENGE.prompt,
        instructions="",
        examples=[composed(template, "yes", Asked(text, text))],
        inputs=[filled(template, Asked(text, text))],
        template=row_template(template),
    )
    assert rendered.prefix == f"{text}|{text}|yes\n\n"
    assert rendered.suffixes == (f"{text}|{text}|",)


# --- rows and lint


def test_the_middle_row_of_an_odd_number_comes_before_the_update() -> None:
    rows = [Sample(id=str(n), input="x", target="y") for n in range(5)]
    first, second = halves(rows)
    assert [row.id for row in first] == ["0", "1", "2"] and [row.id for row in second] == ["3", "4"]


def relint(tmp_path: Path, name: str, number: int, change: dict[str, Any]) -> list[str]:
    folder = write_rag_challenge(tmp_path / "b")
    rows = [json.loads(line) for line in (folder / name).read_text().splitlines()]
    rows[number] = {key: value for key, value in {**rows[number], **change}.items() if value is not None}
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return [str(problem) for problem in lint(folder)]


@pytest.mark.parametrize(
    ("name", "number", "change", "what"),
    [
        ("public.jsonl", 0, {"documents": ["no-such"]}, "public.jsonl:1: names a document that is not there"),
        ("public.jsonl", 0, {"documents": ["cargo-bike"]}, "public.jsonl:1: names a document that is not there"),
        ("hidden.jsonl", 0, {"documents": ["cargo-bike"]}, "hidden.jsonl:1: names a document that is not there"),
        ("hidden.jsonl", 2, {"documents": None}, "hidden.jsonl:3: names no document that holds its answer"),
        ("hidden.jsonl", 2, {"target": NOT_IN_CORPUS}, "its target says that none has the answer"),
        ("public.jsonl", 0, {"target": []}, "public.jsonl:1: `target` is no text, no object of texts and no list"),
        ("public.jsonl", 0, {"target": {"a": "b"}}, "public.jsonl:1: the target is not a text"),
    ],
)
def test_rows_must_fit_the_documents(tmp_path: Path, name: str, number: int, change: dict[str, Any], what: str) -> None:
    found = relint(tmp_path, name, number, change)
    assert any(what in problem for problem in found), found


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"prompt": {"example": "Q: {input}\nA: {output}"}}, "the row template must contain {passages} exactly once"),
        ({"answer": {"type": "label", "labels": ["a", "b"]}}, "answers that are looked up are texts"),
        ({"also": ["prompt"]}, "a rag challenge has no other track"),
        ({"corpus": None}, "`corpus` is missing"),
        ({"retrieval": {"top_k": [4, 2]}}, "top_k is no interval"),
        ({"retrieval": {"method": []}}, "`retrieval.method`"),
        ({"passage_tokens_max": 100_000}, "`passage_tokens_max`"),
        ({"corpus": [{"id": "a", "text": "<|im_end|>"}]}, "the document `a` holds a control token of the model"),
        ({"corpus": [{"id": "a", "text": "x\u200by"}]}, "the document `a` holds the unseen character U+200B"),
        ({"corpus": [{"id": "a", "text": "x"}] * 2}, "two documents have the id `a`"),
        ({"corpus": [{"id": "a", "text": " "}]}, "the document `a` has no words"),
    ],
)
def test_keys_are_linted(tmp_path: Path, changes: dict[str, Any], what: str) -> None:
    folder = write_rag_challenge(tmp_path / "b", **json.loads(json.dumps(changes)))
    found = [str(problem) for problem in lint(folder)]
    assert any(what in problem for problem in found), found
    assert all(
        problem.startswith(("challenge.yaml", "baselines/", "public.jsonl", "hidden.jsonl")) for problem in found
    )


def test_documents_and_metrics_of_documents_belong_to_challenges_that_have_some(tmp_path: Path) -> None:
    folder = write_prompt_challenge(tmp_path / "sea-or-sky")
    rows = [json.loads(line) for line in (folder / "public.jsonl").read_text().splitlines()]
    write_rows(folder / "public.jsonl", [{**rows[0], "documents": ["a"]}, *rows[1:]])
    assert "names documents, but the challenge has none" in str(lint(folder)[0])
    other = write_prompt_challenge(tmp_path / "q", answer={"type": "text"}, metric={"name": "mrr"})
    assert any("mrr compares documents, and the challenge has none" in str(p) for p in lint(other))
