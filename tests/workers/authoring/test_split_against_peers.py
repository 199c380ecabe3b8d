"""How alike the parts are, beside scikit-learn's splits of the same rows; and what leaks, by lint's own measure."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

import pytest
from sklearn.model_selection import StratifiedGroupKFold, train_test_split

from challenges.bundle import ChallengeBundle
from challenges.files.jsonl import RowLimits
from challenges.lint.rows import LENGTH_SHARE, ninetieth
from challenges.lint.similarity import similarity
from challenges.rows import Sample, TrainRow
from challenges.spec import Challenge
from challenges.tables.entries import Columns, Entry, Form, read_entries
from challenges.tables.formats import Record
from challenges.tables.imports import SLACK
from challenges.tables.near import near_repeats
from challenges.tables.parts import Plan, assign, fitting, trimmed, without_rare
from tests.challenges import factory
from tests.challenges.tables import desk
from workers.authoring.embedding import embed

# The other tables go the same way.
SLOW_BUT_FOR_LABELS = [
    "labels",
    pytest.param("json", marks=pytest.mark.slow),
    pytest.param("documents", marks=pytest.mark.slow),
]
SHARES = {"public": 0.2, "hidden": 0.6, "train": 0.2}
SEEDS = range(8)
Parts = Mapping[str, Sequence[Entry]]


@dataclass(frozen=True)
class Table:
    rows: Sequence[Mapping[str, Any]]
    columns: Columns
    form: Form

    def entries(self) -> list[Entry]:
        cells = (tuple(row[name] for name in self.columns.names) for row in self.rows)
        records = [Record(line, row) for line, row in enumerate(cells, 2)]
        return read_entries("table", records, self.columns, self.form).rows

    def plan(self, seed: int) -> Plan:
        return Plan(SHARES, seed, self.form.answer == "label")


FIELDS = ("topic", "urgent", "about")
TABLES = {
    "labels": Table(desk.support_desk(400), Columns("message", ("team",)), Form("label")),
    "json": Table(desk.notices(400), Columns("text", FIELDS), Form("json", FIELDS)),
    "documents": Table(
        desk.questions(400), Columns("question", ("answers",), "pages"), Form("text", has_documents=True)
    ),
}


def by_shuffle(rows: Sequence[Entry], seed: int) -> Parts:
    public, rest = train_test_split(
        rows, train_size=SHARES["public"], stratify=[row.stratum for row in rows], random_state=seed
    )
    hidden, train = train_test_split(rest, train_size=0.75, stratify=[row.stratum for row in rest], random_state=seed)
    return {"public": public, "hidden": hidden, "train": train}


def by_folds(rows: Sequence[Entry], seed: int) -> Parts:
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
    found = [test for _, test in folds.split(rows, [row.stratum for row in rows], range(len(rows)))]
    groups = {"public": found[:1], "hidden": found[1:4], "train": found[4:]}
    return {name: [rows[index] for fold in part for index in fold] for name, part in groups.items()}


def label_gap(parts: Parts, rows: Sequence[Entry]) -> float:
    """The largest difference between the share of a label in a part and in the whole table."""
    whole = Counter(row.stratum for row in rows)
    return max(
        abs(sum(row.stratum == label for row in part) / len(part) - count / len(rows))
        for part in parts.values()
        for label, count in whole.items()
    )


def length_gap(parts: Parts, rows: Sequence[Entry]) -> float:
    """The largest difference between the median words of a part and of the whole table."""
    whole = median(row.words for row in rows)
    return max(abs(median(row.words for row in part) - whole) for part in parts.values())


@pytest.mark.parametrize("gap", [label_gap, length_gap])
@pytest.mark.parametrize("peer", [by_shuffle, by_folds])
@pytest.mark.parametrize("name", SLOW_BUT_FOR_LABELS)
def test_parts_are_at_least_as_alike_as_those_of_scikit_learn(
    name: str,
    peer: Callable[[Sequence[Entry], int], Parts],
    gap: Callable[[Parts, Sequence[Entry]], float],
) -> None:
    table = TABLES[name]
    rows, _ = without_rare(table.entries(), table.plan(0))
    ours = [gap(assign(rows, table.plan(seed), {}), rows) for seed in SEEDS]
    theirs = [gap(peer(rows, seed), rows) for seed in SEEDS]
    print(f"{name} {gap.__name__}: ours {fmean(ours):.4f}, {peer.__name__} {fmean(theirs):.4f}")
    assert fmean(ours) <= fmean(theirs) + 1e-9


def bundle(parts: Parts) -> ChallengeBundle:
    """A challenge with these rows. Similarity looks at the inputs alone."""
    public, hidden = (
        tuple(Sample(id=f"{name}{n}", input=row.input, target="sea") for n, row in enumerate(parts[name]))
        for name in ("public", "hidden")
    )
    train = tuple(TrainRow(input=row.input, output="sea") for row in parts["train"])
    return ChallengeBundle(Challenge.model_validate(factory.prompt_spec()), "", "", public, hidden, train)


def leaks(parts: Parts) -> int:
    """How many hidden rows lint finds to be nearly the same as public or training rows."""
    return sum(one.line is not None for one in similarity(bundle(parts), embed))


@pytest.mark.parametrize("name", SLOW_BUT_FOR_LABELS)
def test_nothing_leaks_between_parts_where_a_random_split_leaks(name: str) -> None:
    table = TABLES[name]
    rows = table.entries()[:130]
    plan = table.plan(0)
    repeats = near_repeats([row.input for row in rows], embed)
    assert len(repeats) > 2
    kept, _ = without_rare([row for n, row in enumerate(rows) if n not in repeats], plan)
    assert similarity(bundle(assign(kept, plan, {})), embed) == []
    strata, _ = without_rare(rows, plan)
    assert leaks(by_shuffle(strata, 0)) > 0


def test_a_table_that_grows_moves_few_rows_of_a_folder_that_is_made_anew() -> None:
    table = TABLES["labels"]
    rows, plan = table.entries(), table.plan(0)

    def places(some: Sequence[Entry]) -> dict[str, str]:
        return {row.key: name for name, part in assign(some, plan, {}).items() for row in part}

    before, after = places(rows[:350]), places(rows)
    moved = sum(after[key] != name for key, name in before.items()) / len(before)
    by_chance = 1 - sum(share**2 for share in SHARES.values())
    print(f"{moved:.0%} of the rows move, and {by_chance:.0%} in a new random order")
    assert moved < by_chance / 2


def test_a_few_very_long_rows_are_shared_out_so_that_lint_sees_no_difference() -> None:
    def tells(parts: Parts) -> bool:
        """Whether lint would say that the lengths of hidden rows tell them apart."""
        public, hidden = (sorted(len(row.input) for row in parts[name]) for name in ("public", "hidden"))
        shares = (measure(hidden) / measure(public) for measure in (fmean, ninetieth))
        return not all(abs(share - 1) <= LENGTH_SHARE for share in shares)

    ours, theirs = [], []
    for seed in SEEDS:
        draw = random.Random(seed)
        texts = [f"{n} ".ljust(min(7000, int(100 * draw.lognormvariate(0, 1))), "x") for n in range(100)]
        rows = [Entry(n, text, "a", text, "ab"[n % 2]) for n, text in enumerate(texts)]
        ours.append(tells(assign(rows, Plan(SHARES, seed), {})))
        theirs.append(tells(by_shuffle(rows, seed)))
    print(f"lint would complain of {sum(ours)} of {len(ours)} splits, and of {sum(theirs)} by scikit-learn")
    assert sum(ours) == 0 < sum(theirs)


def test_files_are_filled_up_to_their_limits() -> None:
    rows = [Entry(n, "x" * 1500 + str(n), "a", str(n), "ab"[n % 2]) for n in range(6000)]
    plan = Plan(SHARES, are_labels=True)
    kept, left_out = fitting(rows, plan, {})
    assert len(kept) + len(left_out) == 6000
    assert len(fitting(rows, plan, {}, SLACK)[0]) == pytest.approx(SLACK * len(kept), rel=0.01)
    parts, dropped = trimmed(assign(kept, plan, {}), plan, {})
    sizes = {name: sum(row.bytes() + 64 for row in part) for name, part in parts.items()}
    assert 0.85 * RowLimits().bytes_max < sizes["hidden"] <= RowLimits().bytes_max
    assert len(dropped) < 10


def test_labels_stay_within_the_factor_that_lint_asks_for() -> None:
    counts = {"a": 211, "b": 60, "c": 23, "d": 4}
    texts = [(f"{label} {n}", label) for label in counts for n in range(counts[label])]
    rows = [Entry(line, text, label, text, label) for line, (text, label) in enumerate(texts)]
    plan = Plan(SHARES, are_labels=True)
    usable, rare = without_rare(rows, plan)
    assert {row.stratum for row in usable} == {"a", "b", "c"} and len(rare) == 4
    kept, _ = fitting(usable, plan, {})
    parts, dropped = trimmed(assign(kept, plan, {}), plan, {})
    for part in parts.values():
        found = Counter(row.stratum for row in part)
        assert max(found.values()) <= 2 * min(found.values())
    assert sum(map(len, parts.values())) + len(dropped) == len(kept)
    assert len(dropped) <= 3
