"""From a table to the rows of a challenge: `gradus challenge rows`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from challenges.files.writing import write_whole
from challenges.kinds.tune_keys import tune
from challenges.lint.rows import too_long
from challenges.models.token_counts import row_tokens
from challenges.models.tokens import counter
from challenges.problems import Problem
from challenges.prompts import problem_with, target_text
from challenges.rows import TrainRow
from challenges.tables.entries import LABELS_MAX, Columns, Dropped, Entries, Entry, Reason, read_entries
from challenges.tables.folder import FILES, GOLD, HIDDEN, SPEC, TRAIN, Change, change, moves, text_of_rows
from challenges.tables.formats import TableErrors, read_table
from challenges.tables.gold import criteria_of, gold_rows, halves_of, read_gold_entries, shares_of_roles
from challenges.tables.near import BY_CHARACTERS, BY_MEANING, Embed, near_repeats
from challenges.tables.parts import Plan, assign, fitting, trimmed, without_rare
from challenges.tables.target import Target, answer_changes, form_of, read_target, shares_of
from challenges.texts import several

# So many times more rows than have room are compared, because some are near-duplicates.
SLACK = 1.5
PRIVATE = "private"


@dataclass(frozen=True)
class Options:
    """What the author asks for. `split` gives the shares of public, hidden and training rows."""

    columns: Columns
    split: tuple[float, ...] = ()
    seed: int = 0
    rare: int = 0
    most: int = 0
    private: float = 0.0
    words_max: int = 40
    afresh: bool = False
    encoding: str = ""


@dataclass
class Imported:
    """The parts that a table gives, and everything that was found on the way. Nothing is written yet."""

    file: str
    target: Target
    parts: dict[str, list[Entry]]
    dropped: list[Dropped]
    notes: list[Problem]
    seed: int
    """The seed by which rows were taken and put in order."""
    compared_by: str = ""
    """What near-duplicates were found by; empty if they were not looked for."""
    stayed: int = 0
    """How many rows are in the part where they were."""
    private: frozenset[str] = frozenset()
    needs: list[Problem] = field(default_factory=list)
    spec: str | None = None
    """The new text of challenge.yaml, if it changes."""

    @property
    def are_roles(self) -> bool:
        """Whether the parts are the roles of marked answers, which stand in one file."""
        return not self.target.kinds[0].has_samples

    @property
    def files(self) -> dict[str, dict[str, dict[str, Any]]]:
        """The rows of each file, by the key of their text."""
        if self.are_roles:
            return {GOLD: gold_rows(self.parts)}
        return {name: {row.key: self._row(name, row) for row in rows} for name, rows in self.parts.items()}

    def _row(self, name: str, row: Entry) -> dict[str, Any]:
        if name == TRAIN:
            return row.training_row()
        return row.sample() | ({"split": PRIVATE} if row.key in self.private else {})

    @property
    def changes(self) -> list[Change]:
        return [change(name, self.target.before[name], rows) for name, rows in self.files.items()]

    @property
    def moves(self) -> Counter[tuple[str, str]]:
        return Counter() if self.are_roles else moves(self.target.before, self.parts)

    @property
    def overwrites(self) -> bool:
        """Whether writing loses rows of the author's own."""
        return not all(one.is_harmless for one in self.changes)

    def write(self) -> None:
        """Writes the rows, and the labels or fields of challenge.yaml where the template still stood there."""
        for name, rows in self.files.items():
            write_whole(self.target.folder / name, text_of_rows(list(rows.values())).encode())
        if self.spec is not None:
            write_whole(self.target.folder / SPEC, self.spec.encode())


def import_rows(file: Path, folder: Path, options: Options, embed: Embed | None) -> Imported:
    """The parts of a table for a challenge. Raises `TableErrors`; nothing is written before `Imported.write`.

    With `embed` (n texts to n unit vectors) near-duplicates are those of lint; without it fewer are found.
    """
    target = read_target(folder)
    if not target.kinds[0].has_samples:
        return _import_gold(file, target, options)
    form, columns = form_of(target, options.columns, options.words_max, str(file))
    shares = shares_of(target, options.split, columns)
    found = read_entries(str(file), read_table(file, columns.names, options.encoding), columns, form)
    found.rows = _without_elsewhere(found, target, shares)
    _check_ids(found)
    are_labels = form.answer == "label"
    if are_labels:
        _check_labels(found, columns.labels[0])
    plan = Plan(shares, options.seed, are_labels, options.rare, options.most)
    pinned = {} if options.afresh else _pinned(target, shares)
    parts = _parted(found, target, plan, pinned, embed)
    rows = [row for part in parts.values() for row in part]
    if not columns.id:
        parts = {name: _with_known_ids(name, part, target) for name, part in parts.items()}
    imported = _imported(file, target, parts, found, pinned, options.seed)
    imported.compared_by = BY_MEANING if embed else BY_CHARACTERS
    imported.private = _private(parts.get(HIDDEN, []), target, options)
    imported.spec, imported.needs = answer_changes(target, form, rows)
    return imported


def _imported(
    file: Path,
    target: Target,
    parts: dict[str, list[Entry]],
    found: Entries,
    pinned: Mapping[str, str],
    seed: int,
) -> Imported:
    return Imported(
        file=str(file),
        target=target,
        parts=parts,
        dropped=sorted(found.dropped, key=lambda one: (list(Reason).index(one.reason), one.line)),
        notes=found.notes,
        seed=seed,
        stayed=sum(pinned.get(row.key) == name for name, part in parts.items() for row in part),
    )


def _import_gold(file: Path, target: Target, options: Options) -> Imported:
    criteria = criteria_of(target, options.columns, str(file))
    columns = Columns(options.columns.text, tuple(criteria.values()))
    records = read_table(file, columns.names, options.encoding)
    found = read_gold_entries(str(file), records, columns, criteria, halves_of(target))
    shares = shares_of_roles(options.split, len(found.rows))
    plan = Plan(shares, options.seed, most=options.most)
    before = {} if options.afresh else target.before[GOLD].rows
    pinned = {key: str(row.get("role")) for key, row in before.items()}
    rows, left_out = fitting(found.rows, plan, pinned)
    parts = {role: part for role, part in assign(rows, plan, pinned).items() if part}
    if not rows:
        first = found.dropped[0]
        what = f"no row can be used; the first one ({first.what})"
        raise TableErrors([Problem(str(file), first.line, what, first.fix)])
    return _imported(file, target, parts, Entries(found.file, rows, found.dropped + left_out, []), pinned, options.seed)


def _check_ids(found: Entries) -> None:
    first: dict[str, Entry] = {}
    problems = []
    for row in found.rows:
        if (other := first.setdefault(row.id, row)) is not row:
            what = f"the id stands already in line {other.line}"
            problems.append(Problem(found.file, row.line, what, "give each row an id of its own"))
    if problems:
        raise TableErrors(problems[:20])


def _check_labels(found: Entries, column: str) -> None:
    labels = {row.target for row in found.rows}
    if len(labels) > LABELS_MAX:
        what = f"`{column}` has {len(labels):,} different values; a challenge has at most {LABELS_MAX} labels"
        raise TableErrors([Problem(found.file, 1, what, "name the column of the labels, or join some of them")])
    if len(labels) == 1:
        what = f"all rows have the label `{next(iter(labels))}`"
        raise TableErrors([Problem(found.file, 1, what, "add rows of another label: there is nothing to tell apart")])


def _without_elsewhere(found: Entries, target: Target, shares: Mapping[str, float]) -> list[Entry]:
    """The rows that stand in no file which the split leaves as it is."""
    places = {key: name for name in FILES if name not in shares for key in target.before[name].rows}
    for row in found.rows:
        if (name := places.get(row.key)) is not None:
            what = f"stands in {name}, of which --split makes nothing"
            found.dropped.append(Dropped(row.line, Reason.DUPLICATE, what, f"empty {name}, or give it a share"))
    return [row for row in found.rows if row.key not in places]


def _pinned(target: Target, shares: Mapping[str, float]) -> dict[str, str]:
    return {key: name for name in shares for key in target.before[name].rows}


def _with_known_ids(name: str, rows: Sequence[Entry], target: Target) -> list[Entry]:
    """The rows with the ids that they have in the folder, so that scores of the same row stay comparable."""
    known = {key: row["id"] for key, row in target.before[name].rows.items() if isinstance(row.get("id"), str)}
    return [replace(row, id=known.get(row.key, row.id)) for row in rows]


def _without_long(rows: list[Entry], target: Target) -> tuple[list[Entry], list[Dropped]]:
    """The rows for which the model's context has room, and for training the limit of a row's tokens."""
    challenge = target.challenge
    if challenge is None or problem_with(challenge.prompt.example) is not None:
        return rows, []
    reasons = dict(too_long(challenge, [row.input for row in rows]))
    count = counter(challenge.model)
    if count is not None and any(kind.is_trained for kind in target.kinds):
        most = tune(challenge).row_tokens_max
        pairs = [TrainRow(input=row.input, output=_longest(row)) for row in rows]
        for index, used in enumerate(row_tokens(challenge, count, challenge.prompt.instructions, pairs)):
            if used > most:
                reasons.setdefault(index, f"has {used} tokens; row_tokens_max is {most}")
    dropped = [Dropped(rows[index].line, Reason.TOO_LONG, what, "shorten it") for index, what in reasons.items()]
    return [row for index, row in enumerate(rows) if index not in reasons], dropped


def _longest(row: Entry) -> str:
    output = row.training_row().get("output", "")
    return max((row.chosen, row.rejected), key=len) or target_text(output)


def _parted(
    found: Entries, target: Target, plan: Plan, pinned: Mapping[str, str], embed: Embed | None
) -> dict[str, list[Entry]]:
    """The rows of each part; what is in none is added to `found.dropped`. Raises `TableErrors` if a part gets none."""
    rows, dropped = without_rare(found.rows, plan)
    # Only what may have room is counted in tokens and compared: a table may be a hundred times larger.
    rows, left_out = fitting(rows, plan, pinned, SLACK)
    rows, long = _without_long(rows, target)
    rows, near = _without_near(rows, pinned, embed)
    rows, now_rare = without_rare(rows, plan)
    rows, no_room = fitting(rows, plan, pinned)
    length = counter(target.located.data.get("model")) or len
    parts, trimmed_off = trimmed(assign(rows, plan, pinned, length), plan, pinned)
    found.dropped += dropped + left_out + long + near + now_rare + no_room + trimmed_off
    if empty := [name for name, part in parts.items() if not part]:
        raise TableErrors([_too_few(found, plan, empty, pinned)])
    return parts


def _too_few(found: Entries, plan: Plan, empty: Sequence[str], pinned: Mapping[str, str]) -> Problem:
    counts = Counter(row.stratum for row in found.rows)
    usable = f"{several(len(found.rows), 'row')} can be used"
    if plan.are_labels and counts:
        usable += f", at most {max(counts.values())} of one label"
    need = "of each label" if plan.are_labels else "in all"
    what = f"{usable}, so that {', '.join(empty)} would have none"
    held = Counter(pinned[row.key] for row in found.rows if row.key in pinned)
    if held:
        stand = ", ".join(f"{several(rows, 'row')} in {name}" for name, rows in held.items())
        what += f": of these, {stand} stay there"
        return Problem(found.file, None, what, "draw all parts anew with --afresh, or add rows that stand in no file")
    return Problem(found.file, None, what, f"add rows, until there are {plan.fewest} or more {need}")


def _without_near(
    rows: Sequence[Entry], pinned: Mapping[str, str], embed: Embed | None
) -> tuple[list[Entry], list[Dropped]]:
    """The rows of which no two are near-duplicates: of a group the one that is in a part already, or the first."""
    ordered = sorted(rows, key=lambda row: (row.key not in pinned, row.line))
    repeats = near_repeats([row.input for row in ordered], embed)
    dropped = [_near(ordered[index], ordered[kept], value) for index, (kept, value) in repeats.items()]
    gone = {ordered[index].key for index in repeats}
    return [row for row in rows if row.key not in gone], dropped


def _near(row: Entry, kept: Entry, value: float) -> Dropped:
    other = ", and has another answer" if row.output != kept.output else ""
    what = f"nearly repeats line {kept.line} (similarity {value:.2f}){other}"
    return Dropped(row.line, Reason.NEAR_DUPLICATE, what, "rewrite or remove one of them", kept.line, value)


def _private(hidden: Sequence[Entry], target: Target, options: Options) -> frozenset[str]:
    """The hidden rows that count for final ranks only: those that are so already, and the share of the others."""
    before = {} if options.afresh else target.before[HIDDEN].rows
    pinned = {key: str(row.get("split", "public")) for key, row in before.items()}
    if not options.private:
        return frozenset(row.key for row in hidden if pinned.get(row.key) == PRIVATE)
    plan = Plan({"public": 1 - options.private, PRIVATE: options.private}, options.seed + 1)
    return frozenset(row.key for row in assign(hidden, plan, pinned)[PRIVATE])
