"""Claims of *Is it any good?*: its numbers are computed again from the formulas that the lesson names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from io import StringIO
from math import comb, erfc, sqrt
from pathlib import Path
from typing import Any

from challenges.lesson.text import READER
from tests.lessons.claims import Claims
from tests.lessons.evidence import Evidence

ASSETS = Path(__file__).resolve().parents[2] / "challenges/library/is-it-any-good/assets"

claims = Claims("is-it-any-good")


def probability(right: int, rows: int, share: float) -> float:
    """How likely exactly `right` right answers of `rows` are, if each is right with the probability `share`."""
    return comb(rows, right) * share**right * (1 - share) ** (rows - right)


def at_most(right: int, rows: int, share: float) -> float:
    return sum(probability(number, rows, share) for number in range(right + 1))


def interval(right: float, rows: int) -> tuple[int, int]:
    """The lesson's interval, in right answers of every hundred, rounded."""
    share = right / rows
    half = 2 * sqrt(share * (1 - share) / rows)
    return round(100 * (share - half)), round(100 * (share + half))


def sign_test(won: int, lost: int) -> float:
    tail = sum(comb(won + lost, number) for number in range(max(won, lost), won + lost + 1))
    return min(1.0, 2 * tail / 2 ** (won + lost))


def of_another_size(right: int, other: int, rows: int) -> float:
    """The two-sided p-value of two shares from different rows, by the normal approximation."""
    share = (right + other) / (2 * rows)
    score = abs(right - other) / rows / sqrt(2 * share * (1 - share) / rows)
    return erfc(score / sqrt(2))


@claims.about(
    "text",
    "On average it gets 32 right.",
    "in about one test of six it gets 29 or fewer, and in about one of six it gets 35 or more.",
    "31 of 40 is 77.5 in 100 (interval 64 to 91), and 34 of 40 is 85 (74 to 96).",
)
def forty_rows_scatter_so_far(evidence: Evidence) -> None:
    few, many = at_most(29, 40, 0.8), 1 - at_most(34, 40, 0.8)
    assert 5.5 < 1 / few < 6.5 and 5.5 < 1 / many < 6.5
    assert (interval(31, 40), interval(34, 40)) == ((64, 91), (74, 96))
    assert 100 * 31 / 40 == 77.5 and 100 * 34 / 40 == 85 and 64 < 85 < 91 and 74 < 77.5 < 96


@claims.about(
    "drawing assets/three-intervals.svg",
    "From 40 rows it reaches from 67 to 93, from 200 rows from 74 to 86, and from 1,000 rows from 77 to 83.",
    "Four times as many rows divide the width by the square root of 4, which is 2.",
)
def the_drawn_intervals_are_those_of_the_formula(evidence: Evidence) -> None:
    computed = [interval(0.8 * rows, rows) for rows in (40, 200, 1000)]
    drawn = re.findall(r">(\d+) to (\d+)<", (ASSETS / "three-intervals.svg").read_text())
    assert computed == [(67, 93), (74, 86), (77, 83)] == [(int(low), int(high)) for low, high in drawn]


@claims.about(
    "text", "With forty rows, of which 80 in 100 are right, its intervals contain the true share in 92 tests of 100"
)
def the_formula_is_too_narrow_for_forty_rows(evidence: Evidence) -> None:
    halves = {right: 2 * sqrt(right / 40 * (1 - right / 40) / 40) for right in range(41)}
    holds = [right for right, half in halves.items() if abs(right / 40 - 0.8) <= half]
    assert round(100 * sum(probability(right, 40, 0.8) for right in holds)) == 92


@claims.about(
    "table Nine rows are split | Nine coins fall like that, or more unevenly, in about",
    "| 6 to 3 | one try of 2 |",
    "| 7 to 2 | one try of 6 |",
    "| 8 to 1 | one try of 26 |",
    "| 9 to 0 | one try of 256 |",
    "For nine rows it must be larger than 6; 6 to 3 is a lead of 3.",
    "A leads by 8, and twice the square root of 16 is 8 too, so the lead is just not enough.",
)
def the_coins_fall_so_unevenly(evidence: Evidence) -> None:
    assert [round(1 / sign_test(9 - lost, lost)) for lost in (3, 2, 1, 0)] == [2, 6, 26, 256]
    assert 2 * sqrt(9) == 6 and 2 * sqrt(16) == 8 == 12 - 4
    assert sign_test(12, 4) > 0.05


@claims.about(
    "text",
    "**the lead must be larger than twice the square root of the number of rows in which the two differ**.",
    "Most people speak of a difference only if it is at most one try of 20.",
    "With fewer than fifty such rows, take the exact test",
)
def the_rule_of_thumb_agrees_with_the_test(evidence: Evidence) -> None:
    differing = [(won, lost) for total in range(6, 120) for lost in range(total // 2 + 1) for won in (total - lost,)]
    agreed = [(won - lost > 2 * sqrt(won + lost)) == (sign_test(won, lost) <= 0.05) for won, lost in differing]
    assert sum(agreed) / len(agreed) > 0.99
    wrong = [pair for pair, agrees in zip(differing, agreed, strict=True) if not agrees]
    assert max(sign_test(*pair) for pair in wrong if sum(pair) < 50) > 0.06
    assert max(sign_test(*pair) for pair in wrong if sum(pair) >= 50) < 0.06


@claims.about(
    "text",
    "Suppose that the old assistant gets 155 of 200 right, and the new one 167. On different rows, chance gives a "
    "difference this large in one test of 8; on the same rows (18 right only for the new one, 6 only for the old one), "
    "in one test of 44.",
)
def pairs_show_more_than_two_scores(evidence: Evidence) -> None:
    assert 18 - 6 == 167 - 155
    assert round(1 / of_another_size(167, 155, 200)) == 8 and round(1 / sign_test(18, 6)) == 44


@claims.about(
    "drawing assets/best-of-twenty.svg",
    "average scores of twenty equally good prompts, from worst to best, each on forty rows of its own.",
    "The best of them looks four rows better than it is.",
)
def the_drawn_dots_are_the_means_of_each_place(evidence: Evidence) -> None:
    means = [mean_of_place(place, 20, 40, 0.8) for place in range(1, 21)]
    assert (round(means[0]), round(means[-1]) - 32) == (27, 4)
    drawn = re.findall(
        r'<circle class="fill-(?:accent|warm)" cx="([\d.]+)"', (ASSETS / "best-of-twenty.svg").read_text()
    )
    assert sorted(round(26 + (float(x) - 20) / 30) for x in drawn) == [round(mean) for mean in means]


def mean_of_place(place: int, scores: int, rows: int, share: float) -> float:
    """The mean of the score at `place`, from 1 for the lowest, of several scores with equal chances."""
    reached = 0.0
    for below in (at_most(right, rows, share) for right in range(rows)):
        others = range(place, scores + 1)
        reached += 1 - sum(probability(number, scores, below) for number in others)
    return reached


@claims.about(
    "text",
    "If it shows in one row of fifty, twenty random rows miss it in two tests of three.",
    "Then 200 rows and two assistants are 400 answers, which is more than thirteen hours of work.",
    "so $n$ must exceed $0.8 / 0.0025 = 320$, and be about twice as large to be fairly sure not to miss it.",
    "a judge that always says *right* agrees with people 80 times and is useless.",
)
def the_sums_are_right(evidence: Evidence) -> None:
    assert abs(0.98**20 - 2 / 3) < 0.005
    assert 13 < 200 * 2 * 2 / 60 < 14
    assert abs(0.05 * 320 - 2 * sqrt(0.2 * 320)) < 1e-9 and abs(0.8 / 0.0025 - 320) < 1e-9
    # A power of 80 % instead of 50 % at a two-sided level of 5 %: (1.96 + 0.84) squared over 1.96 squared.
    assert 1.9 < (1.96 + 0.84) ** 2 / 1.96**2 < 2.1


def printed(evidence: Evidence, about: str, **files: str) -> list[tuple[Any, ...]]:
    """What the code of the lesson prints that holds `about`; it reads `files`, by name without its ending."""
    codes = [token.content for token in READER.parse(evidence.lesson.text) if token.type == "fence"]
    (code,) = [code for code in codes if about in code]
    lines: list[tuple[Any, ...]] = []

    def opened(name: str, encoding: str) -> StringIO:
        return StringIO(files[name.removesuffix(".jsonl")])

    exec(code, {"print": lambda *values: lines.append(values), "open": opened})
    return lines


@claims.about(
    "text",
    "The last number that it prints is the p-value, `0.5078125`.",
    "In 31 rows both did the same",
    "Twenty-eight are grey: both assistants are right. Three are empty: both are wrong.",
)
def the_ten_lines_print_what_the_lesson_says(evidence: Evidence) -> None:
    ((old, new, (won, lost, p)),) = printed(evidence, "sign_test")
    assert (won, lost, p) == (6, 3, 0.5078125) and p == sign_test(6, 3)
    assert [round(100 * end) for end in (*old, *new)] == [64, 91, 74, 96]
    drawing = (ASSETS / "forty-rows.svg").read_text()
    squares = [
        drawing.count(f'<rect class="{name}') - 1 for name in ("fill-line", "fill-surface", "fill-accent", "fill-warm")
    ]
    assert squares == [28, 3, 6, 3]


JUDGE = "be-the-judge"


def question(row: Any) -> str:
    return str(row.input).split("\nReply: ")[0]


def length(row: Any) -> int:
    """How many words the reply has."""
    return len(str(row.input).split("\nReply: ")[1].split())


@claims.about(
    "finding both-sides",
    "In the hundred starter rows of *Be the judge* the right replies are long and the wrong ones short.",
    "Questions, verdicts and settings were the same.",
    "Where right answers are long and wrong ones short, it learns length.",
    "In the starter rows length gives every verdict away.",
)
def a_judge_of_biased_rows_judges_by_length(evidence: Evidence) -> None:
    given, moved = (evidence.arm(JUDGE, f"{file}.yaml") for file in ("findings/given", "baselines/gold"))
    long = {label: [length(row) >= 12 for row in given.rows if row.output == label] for label in ("Yes", "No")}
    assert len(given.rows) == 100 and all(long["Yes"]) and not any(long["No"])
    assert [(question(row), row.output) for row in given.rows] == [(question(row), row.output) for row in moved.rows]
    assert given.hyperparameters == moved.hyperparameters
    assert evidence.claim("both-sides", 1).found == "higher"
    assert abs(evidence.mean("both-sides", "given") - 0.5) < 0.05


@claims.about(
    "finding plain-judge",
    "The adapter is not clearly better than a regression on sentence embeddings",
    "so it needs the changed rows just as much",
    "On the public rows the regression was behind the adapter.",
)
def embeddings_do_about_as_well_as_the_adapter(evidence: Evidence) -> None:
    adapter, plain, given = next(one for one in evidence.lesson.findings if one.id == "plain-judge").experiments[0].arms
    assert adapter.files == plain.files and (plain.control, given.control) == ("linear", "linear")
    assert [evidence.claim("plain-judge", number).found for number in (1, 2)] == ["unclear", "higher"]
    assert evidence.public_mean("plain-judge", "plain") < evidence.public_mean("plain-judge", "adapter")
    assert abs(evidence.claim("plain-judge", 2).effect - evidence.claim("both-sides", 1).effect) < 0.02


@claims.about(
    "text",
    "It was right in 144 of the 200 hidden rows, the adapter in 130 on average.",
    "On the hidden rows it was ahead of each of the three adapters, once by four rows only; whether",
)
def words_do_better_than_the_adapter(evidence: Evidence) -> None:
    mine = evidence.arm(JUDGE, "baselines/gold.yaml").rows
    hidden = evidence.challenge(JUDGE).hidden
    files = {name: lines(rows) for name, rows in (("mine", mine), ("public", hidden))}
    assert printed(evidence, "TfidfVectorizer", **files) == [(144, "of", 200)]
    assert round(200 * evidence.mean("plain-judge", "adapter")) == 130
    runs = [round(200 * run.values["score"]) for run in evidence.arm_record("plain-judge", "adapter").runs]
    assert len(runs) == 3 and sorted(144 - right for right in runs)[:2] == [4, 19]


def lines(rows: Iterable[Any]) -> str:
    return "\n".join(json.dumps(row.model_dump(mode="json")) for row in rows)


@claims.about("text", "Next comes *Fine-tuning in practice*, where you will compare many training runs.")
def the_next_lesson_is_the_one_that_it_names(evidence: Evidence) -> None:
    following = evidence.next_lesson()
    assert following is not None and following.lesson.title == "Fine-tuning in practice"
    assert evidence.lesson.lesson.requires == ("fine-tuning-vs-prompting",)
