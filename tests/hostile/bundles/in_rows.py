"""Mistakes in rows: the format of the file, the keys of a row, and rows that do not go together."""

from __future__ import annotations

import json
from pathlib import Path

from tests.hostile.bundles.breaking import Broken, both, line, put, row, rows, swap
from tests.hostile.bundles.course import CHALLENGE, LIBRARY, QUESTION, SECRET

SPEC = f"{CHALLENGE}/challenge.yaml"
PUBLIC, HIDDEN, TRAIN = (f"{CHALLENGE}/{name}.jsonl" for name in ("public", "hidden", "train"))
GOLD, ATTACKS = f"{QUESTION}/gold.jsonl", f"{QUESTION}/attacks.jsonl"
LOOKED_UP = f"{LIBRARY}/public.jsonl"


def as_csv(lines: list[str], comma: str = ",") -> list[str]:
    read = [json.loads(one) for one in lines]
    return [comma.join(read[0]), *(comma.join(map(str, one.values())) for one in read)]


def as_array(lines: list[str]) -> list[str]:
    return ["[", *(f"  {one}," for one in lines[:-1]), f"  {lines[-1]}", "]"]


def spread_out(lines: list[str]) -> list[str]:
    return [part for one in lines for part in json.dumps(json.loads(one), indent=2).split("\n")]


def of_python(lines: list[str]) -> list[str]:
    return [str(json.loads(one)) for one in lines]


def curly(lines: list[str]) -> list[str]:
    return [one.replace('"', "\u201c") for one in lines]


def huge_row(root: Path) -> None:
    put(HIDDEN, json.dumps({"id": "h", "input": f"{SECRET} " * 7_150_000, "target": "sea"}))(root)


def many_rows(root: Path) -> None:
    put(TRAIN, '{"input": "a", "output": "sea"}\n' * 200_000)(root)


def copied(root: Path) -> None:
    """Repeats a public row, with other capitals, as a hidden one."""
    shown = json.loads((root / PUBLIC).read_text().splitlines()[0])
    row(HIDDEN, 3, input=f"{shown['input'].upper()}!")(root)


FORMAT = (
    Broken("CSV", rows(PUBLIC, as_csv), PUBLIC, 1),
    Broken("CSV, hidden rows", rows(HIDDEN, as_csv), HIDDEN, 1),
    Broken("columns divided by tabs", rows(PUBLIC, lambda lines: as_csv(lines, "\t")), PUBLIC, 1),
    Broken("one JSON array", rows(PUBLIC, as_array), PUBLIC, 1),
    Broken("one JSON array on one line", rows(PUBLIC, lambda lines: [f"[{', '.join(lines)}]"]), PUBLIC, 1),
    Broken("objects of several lines", rows(PUBLIC, spread_out), PUBLIC, 1),
    Broken("a comma behind each row", rows(PUBLIC, lambda lines: [f"{one}," for one in lines]), PUBLIC, 1),
    Broken("a comma behind the last key", rows(PUBLIC, lambda lines: [one[:-1] + ",}" for one in lines]), PUBLIC, 1),
    Broken("Python's single quotes", rows(PUBLIC, of_python), PUBLIC, 1),
    Broken("curly quotation marks", rows(PUBLIC, curly), PUBLIC, 1),
    Broken("two rows on one line", rows(PUBLIC, lambda lines: [lines[0] + lines[1], *lines[2:]]), PUBLIC, 1),
    Broken("a row that breaks off", rows(HIDDEN, lambda lines: [*lines[:-1], lines[-1][:-9]]), HIDDEN, 6, most=1),
    Broken("NaN", swap(PUBLIC, '"sea"', "NaN"), PUBLIC, 1),
    Broken("text in place of rows", put(PUBLIC, "see the other folder\n"), PUBLIC, 1),
    Broken("a hidden row of 50 MB", huge_row, HIDDEN, None, most=2),
    Broken("a row of 20 kB", row(PUBLIC, 2, input="tide " * 4000), PUBLIC, 2),
    Broken("200,000 rows", many_rows, TRAIN, 1, most=3),
    Broken(
        "3,000 rows",
        put(TRAIN, "".join(f'{{"input": "a{n}", "output": "sea"}}\n' for n in range(3000))),
        TRAIN,
        2001,
        most=2,
    ),
)
KEYS = (
    Broken("a key twice in a row", swap(PUBLIC, '{"id"', '{"target": "sky", "id"'), PUBLIC, 1),
    Broken(
        "columns with other names",
        rows(PUBLIC, lambda lines: [one.replace('"input"', '"text"').replace('"target"', '"label"') for one in lines]),
        PUBLIC,
        1,
    ),
    Broken(
        "texts of hidden rows as keys",
        rows(HIDDEN, lambda lines: [json.dumps({f"a {SECRET} of the sea": 1})] * 6),
        HIDDEN,
        1,
    ),
    Broken("a row without an id", row(HIDDEN, 2, id=...), HIDDEN, 2),
    Broken("a number as a row's id", row(PUBLIC, 1, id=1), PUBLIC, 1),
    Broken("an id of 100 characters", row(PUBLIC, 1, id="x" * 100), PUBLIC, 1),
    Broken("an object where a text is needed", row(HIDDEN, 1, input={"text": SECRET}), HIDDEN, 1),
    Broken("an empty input", row(HIDDEN, 1, input=""), HIDDEN, 1),
    Broken("an input of spaces", row(HIDDEN, 1, input="   "), HIDDEN, 1),
    Broken("a number as a target", row(HIDDEN, 1, target=1), HIDDEN, 1),
    Broken("null as a target", row(HIDDEN, 1, target=None), HIDDEN, 1),
    Broken("an unknown split", row(HIDDEN, 1, split="test"), HIDDEN, 1),
    Broken("a training row without an output", row(TRAIN, 2, output=...), TRAIN, 2, most=3),
    Broken(
        "a chat with a system message",
        line(
            TRAIN, 1, json.dumps({"messages": [{"role": "system", "content": "x"}, {"role": "user", "content": "y"}]})
        ),
        TRAIN,
        1,
        most=3,
    ),
)
CONTENT = (
    Broken("an id twice", row(PUBLIC, 2, id="p0-sea"), PUBLIC, 2),
    Broken("an id of a hidden row that a public one has", row(HIDDEN, 2, id="p0-sea"), HIDDEN, 2),
    Broken("a hidden row that is a public one", copied, HIDDEN, 3),
    Broken("a row twice", rows(TRAIN, lambda lines: [*lines, lines[1]]), TRAIN, 7, most=2),
    Broken("a hidden row nearly like a public one", row(HIDDEN, 1, input="I saw a wave todays"), HIDDEN, 1, most=2),
    Broken(
        "a hidden row that another challenge shows",
        lambda root: row(
            f"{LIBRARY}/public.jsonl", 1, input=json.loads((root / HIDDEN).read_text().splitlines()[0])["input"]
        )(root),
        HIDDEN,
        1,
        most=2,
    ),
    Broken(
        "a hidden row among a baseline's examples",
        lambda root: swap(
            f"{CHALLENGE}/baselines/good.yaml",
            "a rusty buoy",
            json.dumps(json.loads((root / HIDDEN).read_text().splitlines()[0])["input"]),
        )(root),
        f"{CHALLENGE}/baselines/good.yaml",
        5,
        most=2,
    ),
    Broken("a label with a space behind it", row(HIDDEN, 1, target="sea "), HIDDEN, 1, most=2),
    Broken("a label in capitals", row(HIDDEN, 1, target="SEA"), HIDDEN, 1, most=2),
    Broken("a label that is not in the list", row(PUBLIC, 1, target="land"), PUBLIC, 1, most=2),
    Broken("an object as a target of labels", row(HIDDEN, 1, target={"place": "sea"}), HIDDEN, 1, most=2),
    Broken(
        "labels out of balance",
        rows(
            TRAIN,
            lambda lines: [json.dumps({"input": f"thing {n}", "output": "sea" if n else "sky"}) for n in range(9)],
        ),
        TRAIN,
        None,
    ),
    Broken("a label without a row", rows(TRAIN, lambda lines: lines[::2]), TRAIN, None),
    Broken("a row longer than the model's context", row(PUBLIC, 1, input="a b " * 4000), PUBLIC, 1),
    Broken(
        "a row with more tokens than fit",
        both(
            swap(SPEC, "examples_max: 8", "prompt_tokens_max: 4096"),
            row(TRAIN, 1, input="a " * 3500),
            row(TRAIN, 2, input="b " * 3500),
        ),
        TRAIN,
        1,
        most=4,
    ),
    Broken(
        "hidden rows much longer than public ones",
        rows(
            HIDDEN, lambda lines: [one.replace("I saw", "Yesterday evening I saw in the far distance") for one in lines]
        ),
        HIDDEN,
        None,
        most=3,
    ),
    Broken("a document that does not exist", row(LOOKED_UP, 1, documents=["nowhere"]), LOOKED_UP, 1),
    Broken(
        "a mark for an unknown criterion",
        row(GOLD, 1, marks={"cause": "met", "remedy": "met", "no-myth": "met", "style": "met"}),
        GOLD,
        1,
    ),
    Broken("a criterion without a mark", row(GOLD, 1, marks={"cause": "met", "remedy": "met"}), GOLD, 1),
    Broken(
        "half a mark where there is none",
        row(GOLD, 1, marks={"cause": "met", "remedy": "partial", "no-myth": "met"}),
        GOLD,
        1,
    ),
    Broken(
        "rows of a run where none are asked for",
        row(GOLD, 1, quoted=[{"id": "p1", "input": "a wave", "answer": "sky", "mark": "wrong"}]),
        GOLD,
        1,
    ),
    Broken("an unknown mark", row(GOLD, 1, marks={"cause": "yes", "remedy": "met", "no-myth": "met"}), GOLD, 1, most=2),
    Broken("an unknown role", row(GOLD, 1, role="train"), GOLD, 1, most=2),
    Broken(
        "an answer with two roles", rows(GOLD, lambda lines: [*lines, lines[0].replace("prompt", "test")]), GOLD, 31
    ),
    Broken("an attack worth 5", row(ATTACKS, 1, max_score=5), ATTACKS, 1),
)
CASES = (*FORMAT, *KEYS, *CONTENT)
