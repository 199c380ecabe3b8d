"""Documents are read within limits, whoever wrote them, and cut into the same passages every time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from challenges.bundle import ChallengeBundle
from challenges.documents import Cut, Document, advance, count_passages, digest, passages, updated
from challenges.kinds.rag_keys import corpora, rag
from challenges.lint.run import lint
from challenges.reading import BundleErrors, read_challenge
from tests.challenges.kinds.rag_bundle import rag_bundle, write_rag_challenge


def document(text: str, id: str = "one") -> Document:
    return Document(id=id, text=text)


def cut(text: str, words: int, overlap: float = 0.0) -> list[str]:
    return [one.text for one in passages([document(text)], words, overlap)]


def test_passages_have_so_many_words_and_begin_with_the_last_ones_before() -> None:
    assert cut("a b c d e", 2) == ["a b", "c d", "e"]
    assert cut("a b c d e", 4, 0.5) == ["a b c d", "c d e"]
    assert cut("a b c d", 4, 0.5) == ["a b c d"]
    assert cut("a  b\n\nc", 5) == ["a b c"]
    assert cut(" \n ", 5) == []


def test_no_passage_has_words_of_two_documents() -> None:
    found = passages([document("a b c", "x"), document("d", "y")], 2, 0)
    assert found == (Cut("x", "a b"), Cut("x", "c"), Cut("y", "d"))


@given(st.lists(st.integers(0, 60), max_size=4), st.integers(1, 30), st.floats(0, 0.9))
def test_every_word_is_in_a_passage_and_the_count_is_known_beforehand(
    sizes: list[int], words: int, overlap: float
) -> None:
    documents = [Document.model_construct(id=str(n), text=" ".join(map(str, range(s)))) for n, s in enumerate(sizes)]
    found = passages(documents, words, overlap)
    assert len(found) == count_passages(documents, words, overlap)
    for one in documents:
        own = [passage.text.split() for passage in found if passage.document == one.id]
        assert {word for passage in own for word in passage} == set(one.text.split())
        assert all(len(passage) == words for passage in own[:-1]) and all(len(passage) <= words for passage in own)
        step = advance(words, overlap)
        assert all(passage == one.text.split()[n * step : n * step + words] for n, passage in enumerate(own))


def test_an_overlap_that_leaves_nothing_is_refused() -> None:
    assert advance(1, 0.99) == 1
    with pytest.raises(ValueError, match="no new word"):
        passages([document("a b")], 2, 1.0)


def test_updates_take_the_place_of_old_documents_or_join_them() -> None:
    old, new = (document("1", "x"), document("2", "y")), (document("3", "z"), document("4", "x"))
    assert [(d.id, d.text) for d in updated(old, new)] == [("x", "4"), ("y", "2"), ("z", "3")]
    assert updated(old, ()) == old
    assert digest(old) != digest(new) and digest(old) == digest(tuple(old))


def test_a_folder_is_read_with_titles_from_headings() -> None:
    keys = rag(rag_bundle().challenge)
    found = {one.id: one for one in keys.corpus}
    assert (found["loans"].title, found["donations"].title) == ("Loans", "")
    assert [one.id for one in keys.corpus] == sorted(found) and len(found) == 12
    before, after = corpora(rag_bundle().challenge)
    place = [one.id for one in before].index("opening-hours")
    assert "it is closed" in before[place].text and "1 pm" in after[place].text and after[-1].id == "cargo-bike"


def test_the_documents_are_part_of_the_digest_and_of_what_is_stored(tmp_path: Path) -> None:
    bundle = rag_bundle()
    folder = write_rag_challenge(tmp_path / "b")
    assert read_challenge(folder).digest == bundle.digest
    (folder / "documents/loans.md").write_text("# Loans\n\nYou can borrow 16 books at once.\n")
    changed = read_challenge(folder)
    assert changed.digest != bundle.digest
    assert ChallengeBundle.from_json(changed.to_json()) == changed


def lines(folder: Path, rows: list[object]) -> Path:
    (folder / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def said(folder: Path) -> str:
    with pytest.raises(BundleErrors) as raised:
        read_challenge(folder)
    return str(raised.value)


def test_json_lines_are_read_as_well(tmp_path: Path) -> None:
    folder = lines(write_rag_challenge(tmp_path / "b", corpus="corpus.jsonl"), [{"id": "loans", "text": "15 books"}])
    assert rag(read_challenge(folder).challenge).corpus == (Document(id="loans", text="15 books"),)


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        ([], "holds no documents"),
        ([{"id": "a", "text": "x"}, {"id": "a", "text": "y"}], "two documents have the id `a`"),
        ([{"id": "a b", "text": "x"}], "`id` is malformed: use letters"),
        ([{"id": "a"}], "the key `text` is missing"),
        ([{"id": "a", "text": ""}], "`text` is empty"),
        ([{"id": "a", "text": "x\x07y"}], "control character"),
        ([{"id": "a", "text": "x", "html": "y"}], "the key `html` is unknown"),
        ([{"id": "a", "text": "x" * 70_000}], "has 70,000 characters; 65,536 are allowed"),
        ([{"id": f"d{n}", "text": "x" * 60_000} for n in range(9)], "all documents have 540,000 characters"),
        ([{"id": f"d{n}", "text": "x"} for n in range(501)], "more than 500 rows"),
        ([["a"]], "the row is not a JSON object"),
    ],
)
def test_bad_lines_are_named_with_the_cure(tmp_path: Path, rows: list[object], what: str) -> None:
    found = said(lines(write_rag_challenge(tmp_path / "b", corpus="corpus.jsonl"), rows))
    assert what in found and "Traceback" not in found


def test_bad_folders_are_named_with_the_cure(tmp_path: Path) -> None:
    folder = write_rag_challenge(tmp_path / "b")
    documents = folder / "documents"
    (documents / "loans.txt").write_text("the same id")
    (documents / "blank.md").write_text(" \n")
    (documents / "picture.png").write_bytes(b"\x89PNG")
    (documents / "bell.md").write_text("ding \x07")
    (documents / "no utf.md").write_bytes(b"\xff\xfe")
    (documents / "two words.md").write_text("text")
    (documents / "link.md").symlink_to("/etc/passwd")
    found = said(folder)
    for what in (
        "documents/loans.txt: has the same id as loans.md",
        "documents/blank.md: is empty",
        "documents/picture.png: is no document",
        "documents/bell.md:1: character 6 is U+0007",
        "documents/no utf.md:1: the file is UTF-16",
        "documents/two words.md: its name cannot be an id",
        "documents/link.md: is, or lies behind, a symbolic link",
    ):
        assert what in found, found


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("/etc", "challenge.yaml:7: `corpus` leaves the challenge's folder"),
        ("statement.md", "statement.md: cannot be read (Not a directory)"),
        (3, "`corpus`"),
        ([], "there are no documents"),
    ],
)
def test_a_corpus_lies_in_the_challenge(tmp_path: Path, path: object, what: str) -> None:
    folder = write_rag_challenge(tmp_path / "b", corpus=path)
    problems = [str(problem) for problem in lint(folder)]
    assert any(what in problem for problem in problems), problems


def test_an_empty_folder_holds_no_documents(tmp_path: Path) -> None:
    folder = write_rag_challenge(tmp_path / "b", updates="fresh/")
    (folder / "fresh").mkdir()
    assert "fresh: holds no documents: add some" in said(folder)
