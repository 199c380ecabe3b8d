"""The kind `evaluate`: a test set, which has to tell systems with a planted defect from healthy ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from challenges import field_checks
from challenges.field_checks import FieldProblem
from challenges.files.source import Source
from challenges.files.yaml_lines import Located
from challenges.kinds.base import Item, Kind
from challenges.kinds.evaluate_keys import KEY, EvaluateKeys, Rule, counts, evaluate, read_systems
from challenges.models.token_counts import CountTokens
from challenges.payloads import Submitted
from challenges.prompts import target_text
from challenges.rows import Sample, TrainRow
from challenges.shingles import words
from challenges.spec import Challenge, dump
from challenges.texts import normal
from challenges.translation import gettext, gettext_noop

# Two rows with the same label whose words agree to this share ask nearly the same (Jaccard). With different labels they
# are a minimal pair, which is what a test set needs (Gardner et al. 2020, arXiv 2004.02709).
NEAR = 0.75
ROWS_SENT_MAX = 20_000
ROW_CHARS = 2000


class EvaluatePayload(Submitted):
    """`rows` are texts with the label that is expected for each."""

    kind: Literal["evaluate"] = "evaluate"
    rows: tuple[TrainRow, ...] = Field(
        min_length=1, max_length=ROWS_SENT_MAX, description="Texts (input), each with the expected label (output)"
    )


class EvaluateKind(Kind):
    """Codes of problems: too_few_rows, too_many_rows, too_long, too_many_tokens, unknown_label, special_token,
    control_character, empty, repeated, near_repeat, copied.
    """

    name = "evaluate"
    title = gettext_noop("Test set")
    noun = gettext_noop("a test set")
    icon = "table"
    run_label = gettext_noop("Try on practice systems")
    run_help = gettext_noop(
        "A run tries your rows on practice systems, whose defects you may read. It costs no attempt, and you see which "
        "rows they answer as you expect."
    )
    stages = {"public": gettext_noop("Practice systems"), "hidden": gettext_noop("Hidden systems")}
    payload = EvaluatePayload
    keys = EvaluateKeys
    is_alone = True
    has_costs = False
    needed_files = frozenset({"public.jsonl"})
    rows_field = "rows"
    lint = "challenges.lint.evaluate:lint_evaluate"
    scaffold = "challenges.scaffold.evaluate:SCAFFOLD"
    file_keys = frozenset({KEY})

    def read_files(self, source: Source, rel: str, located: Located) -> dict[str, Any]:
        return read_systems(source, rel, located)

    def items(self, challenge: Challenge, hidden: Sequence[Sample]) -> Sequence[Item]:
        """Returns the systems that the score is about."""
        systems = evaluate(challenge).systems.of(practice=False)
        return [Item(one.id, one.defect or gettext("A healthy system"), one.target) for one in systems]

    def check(self, challenge: Challenge, payload: EvaluatePayload) -> Iterator[FieldProblem]:
        return _rows(challenge, payload.rows)

    def check_tokens(
        self, challenge: Challenge, payload: EvaluatePayload, count_tokens: CountTokens
    ) -> Iterator[FieldProblem]:
        most = evaluate(challenge).evaluate.row_tokens_max
        for number, row in enumerate(payload.rows, 1):
            if (count := count_tokens(row.input)) > most:
                message = gettext("This row has %(count)s tokens; %(most)s are allowed. Shorten it.")
                yield FieldProblem("too_many_tokens", "rows", message % {"count": f"{count:,}", "most": most}, number)

    def check_public(
        self, challenge: Challenge, payload: EvaluatePayload, public: Sequence[Sample]
    ) -> Iterator[FieldProblem]:
        return _copies(payload.rows, public)

    def inputs(self, payload: EvaluatePayload) -> Sequence[str]:
        return [row.input for row in payload.rows]

    def parts(self, challenge: Challenge, payload: EvaluatePayload) -> Mapping[str, object]:
        return {"rows": payload.rows}

    def shown_keys(self, challenge: Challenge) -> dict[str, Any]:
        """The rule, the practice systems, and how many systems the score is about; nothing else of those."""
        keys = evaluate(challenge)
        with_defect, healthy = counts(keys.systems.of(practice=False))
        return {
            **dump(keys.evaluate),
            "practice": [{"id": one.id, "defect": one.defect} for one in keys.systems.of(practice=True)],
            "systems": {"with_defect": with_defect, "healthy": healthy},
        }


KIND = EvaluateKind()


def _rows(challenge: Challenge, rows: Sequence[TrainRow]) -> Iterator[FieldProblem]:
    rule = evaluate(challenge).evaluate
    yield from _count(rule, len(rows))
    if len(rows) > rule.rows[1]:
        return
    yield from field_checks.pairs(challenge, "rows", rows)
    for number, row in enumerate(rows, 1):
        if len(row.input) > ROW_CHARS:
            message = gettext("This text has %(count)s characters; %(most)s are allowed. Shorten it.")
            message %= {"count": f"{len(row.input):,}", "most": f"{ROW_CHARS:,}"}
            yield FieldProblem("too_long", "rows", message, number)
    yield from _repeats(rows)


def _count(rule: Rule, count: int) -> Iterator[FieldProblem]:
    least, most = rule.rows
    told = {"count": f"{count:,}", "least": least, "most": most}
    if count > most:
        message = gettext("A test set has at most %(most)s rows here, and this one has %(count)s. Keep the best ones.")
        yield FieldProblem("too_many_rows", "rows", message % told)
    elif count < least:
        message = gettext("A test set needs at least %(least)s rows here, and this one has %(count)s. Write more.")
        yield FieldProblem("too_few_rows", "rows", message % told)


def _repeats(rows: Sequence[TrainRow]) -> Iterator[FieldProblem]:
    """Each row that repeats an earlier one, word by word or nearly."""
    texts, sets = [normal(row.input) for row in rows], [frozenset(words(row.input)) for row in rows]
    for later, row in enumerate(rows):
        for earlier in range(later):
            is_same = texts[later] == texts[earlier]
            if is_same:
                message = gettext(
                    "This row has the same words as row %(number)s. Capitals and punctuation do not make it another "
                    "one: write other words, or remove it."
                )
            elif row.output == rows[earlier].output and alike(sets[later], sets[earlier]) >= NEAR:
                message = gettext(
                    "This row is nearly the same as row %(number)s, with the same label, so it tests nothing new: "
                    "write another one."
                )
            else:
                continue
            code = "repeated" if is_same else "near_repeat"
            yield FieldProblem(code, "rows", message % {"number": earlier + 1}, later + 1)
            break


def _copies(rows: Sequence[TrainRow], public: Sequence[Sample]) -> Iterator[FieldProblem]:
    """Each row that is a public sample, or nearly one."""
    shown = [(normal(one.input), frozenset(words(one.input)), target_text(one.target)) for one in public]
    for number, row in enumerate(rows, 1):
        text, said = normal(row.input), frozenset(words(row.input))
        for place, (other, held, label) in enumerate(shown, 1):
            if text == other or (row.output == label and alike(said, held) >= NEAR):
                message = gettext(
                    "This row is copied from public sample %(number)s, and every system here has been tried on those: "
                    "write a row of your own."
                )
                yield FieldProblem("copied", "rows", message % {"number": place}, number)
                break


def alike(one: frozenset[str], other: frozenset[str]) -> float:
    """The share of words that two texts have in common, of all their words (Jaccard); 0 for texts without words."""
    either = one | other
    return len(one & other) / len(either) if either else 0.0
