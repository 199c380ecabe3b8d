"""Bots that probe hidden labels through shown scores gain nothing on the private split.

The bots can do more than a person: they choose the answer to every hidden row by its number. Their scores come from the
site's own function `shown_score` and its quotas; `test_the_site_of_the_bots_is_the_real_one` compares them with the
real site.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import time_machine
from django.conf import settings

from challenges.reading import read_course
from challenges.shown_score import shown_score
from challenges.spec import Feedback, Limits
from gradus.accounts.models import User
from gradus.courses.services import publish
from gradus.submissions import services
from gradus.submissions.models import Score
from tests import factories
from tests.challenges.factory import write_course, write_prompt_challenge

ROWS, CLASSES, TRIES, SEEDS = 200, 2, 100, 20
LIMITS = Limits()
Answers = np.ndarray


@dataclass
class Site:
    """The labels of both halves of a hidden set, and accounts with a daily quota; None means a refused submission."""

    mode: str
    guests: bool
    seed: int
    one_split: bool = False
    asked: dict[int, int] = field(default_factory=dict)
    best: dict[int, float] = field(default_factory=dict)
    day: int = 0

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)
        self.labels = self.random.integers(CLASSES, size=2 * ROWS)
        self.feedback = Feedback(mode=self.mode, step=0.02)  # type: ignore[arg-type]

    def submit(self, account: int, answers: Answers) -> float | None:
        asked = self.asked.get(account, 0)
        allowed = settings.GUEST_SUBMISSIONS if self.guests else LIMITS.attempts_per_day * (self.day + 1)
        if asked >= allowed:
            return None
        self.asked[account] = asked + 1
        right = answers == self.labels
        value = float(right.mean() if self.one_split else right[:ROWS].mean())
        said = shown_score(self.feedback, value, self.best.get(account, 0.0))
        self.best[account] = max(said, self.best.get(account, 0.0))
        return said

    def gain(self, answers: Answers) -> tuple[float, float]:
        """The gain over chance on the public and the private split, in standard errors of an accuracy."""
        error = math.sqrt((1 / CLASSES) * (1 - 1 / CLASSES) / ROWS)
        right = answers == self.labels
        return tuple(float((part.mean() - 1 / CLASSES) / error) for part in (right[:ROWS], right[ROWS:]))  # type: ignore[return-value]


class Asker:
    """Spreads submissions over accounts, and starts a new day when all quotas are used; None when none is left."""

    def __init__(self, site: Site, accounts: int, tries: int) -> None:
        self.site, self.accounts, self.left = site, accounts, tries
        self.account = 0

    def ask(self, answers: Answers) -> float | None:
        if not self.left:
            return None
        for _ in range(self.accounts + 1):
            said = self.site.submit(self.account, answers)
            if said is not None:
                self.left -= 1
                return said
            self.account += 1
            if self.account == self.accounts:
                self.account, self.site.day = 0, self.site.day + 1
                if self.site.guests:
                    self.left = 0
                    return None
        raise AssertionError("a new day brings new attempts")


def whitehill(asker: Asker, random: np.random.Generator) -> Answers:
    """Whitehill 2017 (arXiv 1707.01825): flips a group of labels, and keeps the flip if the score rises."""
    answers = random.integers(CLASSES, size=2 * ROWS)
    best = asker.ask(answers)
    while best is not None:
        tried = answers.copy()
        flips = random.choice(2 * ROWS, size=16, replace=False)
        tried[flips] = (tried[flips] + 1) % CLASSES
        said = asker.ask(tried)
        if said is None:
            break
        if said > best:
            answers, best = tried, said
    return answers


def boosting(asker: Asker, random: np.random.Generator) -> Answers:
    """Blum & Hardt 2015, section 4: the majority vote of random answers that scored above chance."""
    tried, said = [], []
    while True:
        answers = random.integers(CLASSES, size=2 * ROWS)
        score = asker.ask(answers)
        if score is None:
            break
        tried.append(answers)
        said.append(score)
    # In ladder mode only a changed score carries information.
    kept = [a for a, s in zip(tried, said, strict=True) if s > 1 / CLASSES] or tried
    return (np.mean(kept, axis=0) > 0.5).astype(int)


def memorising(asker: Asker, random: np.random.Generator) -> Answers:
    """A LoRA adapter that memorises guessed labels, and answers a new row with the label of the nearest known row."""
    places = random.normal(size=(2 * ROWS, 8))
    distance = ((places[:, None] - places[None, :ROWS]) ** 2).sum(-1)
    nearest = distance.argmin(axis=1)
    best, kept = -1.0, np.zeros(2 * ROWS, dtype=int)
    while True:
        answers = random.integers(CLASSES, size=ROWS)[nearest]
        score = asker.ask(answers)
        if score is None:
            return kept
        if score > best:
            best, kept = score, answers


def echo(asker: Asker, random: np.random.Generator) -> Answers:
    """A prompt that repeats its input, which is never a label (see `test_an_echo_is_no_label`)."""
    answers = np.full(2 * ROWS, -1)
    while asker.ask(answers) is not None:
        pass
    return answers


BOTS: dict[str, Callable[[Asker, np.random.Generator], Answers]] = {
    "whitehill": whitehill,
    "boosting": boosting,
    "memorising": memorising,
    "echo": echo,
}
# The number of accounts, whether they are guests, and the number of submissions: 100 per account, or 3 for a guest.
CROWDS = {"alone": (1, False, TRIES), "100 guests": (100, True, 100 * TRIES), "100 accounts": (100, False, 100 * TRIES)}


def gains(bot: str, crowd: str, mode: str, seeds: int, **site: bool) -> tuple[float, float, float]:
    """The mean public and private gain and the latter's standard error, all in standard errors of an accuracy."""
    accounts, guests, tries = CROWDS[crowd]
    found = []
    for seed in range(seeds):
        made = Site(mode, guests, seed, **site)
        answers = BOTS[bot](Asker(made, accounts, tries), np.random.default_rng([seed, 1]))
        found.append(made.gain(answers))
    public, private = np.array(found).T
    return float(public.mean()), float(private.mean()), float(private.std(ddof=1) / math.sqrt(seeds))


@pytest.mark.parametrize("mode", ["rounded", "ladder"])
@pytest.mark.parametrize("crowd", list(CROWDS))
@pytest.mark.parametrize("bot", list(BOTS))
def test_a_bot_gains_less_than_a_standard_error(bot: str, crowd: str, mode: str) -> None:
    public, private, by_chance = gains(bot, crowd, mode, SEEDS)
    print(f"{bot}, {crowd}, {mode}: public {public:+.2f} SE, private {private:+.2f} SE (chance {by_chance:.2f})")
    assert private + 1.96 * by_chance < 1


@pytest.mark.parametrize("bot", ["whitehill", "boosting", "memorising"])
def test_the_bots_work_where_nothing_holds_them(bot: str) -> None:
    """Without a private split each bot gains well over one standard error, so the tests above can fail."""
    _, private, _ = gains(bot, "100 guests", "rounded", SEEDS, one_split=True)
    assert private > 1


@pytest.mark.parametrize("bot", ["whitehill", "boosting"])
def test_a_ladder_tells_a_bot_less(bot: str) -> None:
    rounded, ladder = (gains(bot, "alone", mode, SEEDS)[0] for mode in ("rounded", "ladder"))
    assert ladder <= rounded + 0.25


@pytest.mark.django_db
@pytest.mark.parametrize("mode", ["rounded", "ladder"])
@pytest.mark.parametrize("guests", [True, False])
def test_the_site_of_the_bots_is_the_real_one(tmp_path, mode: str, guests: bool) -> None:
    """Equal answers in equal order over two days get equal shown scores and refusals."""
    root = write_course(tmp_path / "course")
    write_prompt_challenge(root / "first" / "sea-or-sky", feedback={"mode": mode, "step": 0.02})
    publish(read_course(root))
    user = User.objects.create_guest() if guests else factories.UserFactory.create()
    site, random = Site(mode, guests, 3), np.random.default_rng(5)
    with time_machine.travel(datetime(2036, 11, 2, 12, tzinfo=UTC), tick=False) as clock:
        for day in range(2):
            site.day = day
            for _ in range(LIMITS.attempts_per_day + 1):
                answers = random.integers(CLASSES, size=2 * ROWS)
                assert real(user, site, answers) == site.submit(0, answers)
            clock.shift(timedelta(days=1))


def real(user: User, site: Site, answers: Answers) -> float | None:
    right = answers == site.labels
    try:
        made = factories.submit(user)
    except services.Refused as refused:
        assert refused.code == ("guest_limit" if site.guests else "over_quota")
        return None
    factories.grade(made, float(right[:ROWS].mean()), private_score=float(right[ROWS:].mean()))
    return Score.objects.get(evaluation=made.current).shown
