"""How a challenge of the kind `rag` begins: two documents, and rows that are answered from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from challenges.authoring.unwritten import write
from challenges.kinds.rag_keys import NOT_IN_CORPUS
from challenges.scaffold.answers import instructions
from challenges.scaffold.base import MODEL, Scaffold, Wanted, head, marked, marks, quoted, rows, solution, statement

BASELINES = (
    "The weak one searches in a way of which nobody thought. The good one finds the right\n"
    "# passage and shows the model how short an answer is. The gold one is the best that you can find."
)
DOCUMENTS = ("first-page", "second-page")
KEYS = f"""\
model: {MODEL}  # The built-in base model. Another one that your site offers goes here.
corpus: documents/  # Markdown or text files. The id of a document is its file's name without the ending.
retrieval:  # What learners may choose.
  chunk_words: [20, 120]  # The words of a passage, from least to most.
  overlap: [0, 0.5]
  method: [words, vectors, both]
  top_k: [1, 5]
passage_tokens_max: 1200  # Of all passages in one prompt. Code, links and tables may have five or more for each word.
answer: {{type: text, max_new_tokens: 24}}
prompt:
  example: "Passage: {{passages}}\\nQuestion: {{input}}\\nAnswer: {{output}}"
metric: {{name: token_f1}}  # Or hit_rate, which asks no model and scores the search alone.
public_metrics: [hit_rate]
"""
SCORED = f"""\
Your search answers questions that you cannot see. The score is token F1: how many words an answer shares with the
expected one, as the mean over all questions. Where no document holds the answer, *{NOT_IN_CORPUS}* is right."""


def files(wanted: Wanted) -> dict[str, str]:
    """The files of a challenge whose answers are looked up."""
    return {
        "challenge.yaml": head(wanted, "rag") + KEYS + marks(BASELINES),
        "statement.md": statement(SCORED, "one question, the document that answers it, and its answer"),
        "solution.md": solution(),
        "public.jsonl": rows(_samples("p", 0)),
        "hidden.jsonl": rows(_samples("h", 5)),
        **{f"documents/{name}.md": _document(number) for number, name in enumerate(DOCUMENTS, 1)},
        "baselines/weak.yaml": "kind: rag\nmethod: words\nchunk_words: 40\ntop_k: 4\n",
        "baselines/good.yaml": _payload(top_k=1, examples=1),
        "baselines/gold.yaml": _payload(top_k=2, examples=2),
    }


def _samples(prefix: str, first: int) -> Iterator[Mapping[str, Any]]:
    """Four questions that a document answers, and one that none does."""
    for number in range(first, first + 5):
        row = {"id": f"{prefix}{number}", "input": f"{write('a question that a document answers')} {number}"}
        if number == first + 4:
            yield {**row, "input": f"{write('a question that no document answers')} {number}", "target": NOT_IN_CORPUS}
        else:
            yield {**row, "target": write("the answer in a few words"), "documents": [DOCUMENTS[number % 2]]}


def _document(number: int) -> str:
    return f"# {write(f'the title of page {number}')}\n\n{write('a page of what learners search, from 20 pages on')}\n"


def _payload(top_k: int, examples: int) -> str:
    listed = "".join(
        f"""\
  - passages: {marked("a passage that is not in your documents")}
    input: {quoted(f"{write('a question about this passage')} {number}")}
    output: {marked("its answer in a few words")}
"""
        for number in range(1, examples + 1)
    )
    return f"""\
kind: rag
method: both
chunk_words: 60
top_k: {top_k}
min_score: 0.25
instructions: {instructions()}
examples:
{listed}"""


SCAFFOLD = Scaffold(files, (("text", ""),))
