"""Evidence of copying between learners: what is found, what does not count, and who never sees it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import combinations, product
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from gradus.accounts.models import User
from gradus.classes.models import Announcement
from gradus.courses.models import Challenge
from gradus.reconciling import reconciler
from gradus.submissions.models import Annulment, Fingerprint, Submission
from gradus.submissions.results import board_decisions as decisions
from gradus.submissions.results.copying import evidence, fingerprints
from gradus.submissions.results.copying.evidence import Pair
from tests import factories

WORDS = [
    "".join(pair)
    for pair in product(("ba", "de", "fi", "go", "ku", "la", "me", "ni", "po", "ru", "sa", "te", "vi", "zo"), repeat=2)
]


def sentence(draw: random.Random, count: int) -> str:
    return " ".join(draw.choices(WORDS, k=count))


def prompt(text: str) -> dict[str, Any]:
    return {"kind": "prompt", "instructions": text, "examples": []}


def tune(rows: Sequence[str], outputs: Sequence[str] = ("sea", "sky")) -> dict[str, Any]:
    listed = [{"input": text, "output": outputs[number % len(outputs)]} for number, text in enumerate(rows)]
    return {**factories.LORA, "rows": listed}


def by(user: User, payload: dict[str, Any], slug: str = "sea-or-sky") -> Submission:
    """An attempt that the reconciler has listed, of somebody whose limits do not matter here."""
    like = Submission.objects.filter(challenge__slug=slug).first() or factories.submit(user, slug)
    values = {name: getattr(like, name) for name in ("challenge", "version")}
    key = f"copied-{next(factories.KEYS)}"
    made = Submission.objects.create(
        user=user, kind=payload["kind"], payload=payload, payload_sha256=key, idempotency_key=key, **values
    )
    fingerprints.carry_out(100)
    return made


def found(attempt: Submission) -> list[Pair]:
    return evidence.similar([attempt])


def people(count: int) -> list[User]:
    return factories.UserFactory.create_batch(count)


@pytest.fixture
def draw() -> random.Random:
    return random.Random(41)


def test_a_prompt_that_was_copied_is_found_from_both_sides(
    sea_or_sky: Challenge, ada: User, bob: User, draw: random.Random
) -> None:
    text = sentence(draw, 60)
    own = by(ada, prompt(f"{text} {sentence(draw, 20)}"))
    other = by(bob, prompt(f"{sentence(draw, 20)}\n{text.upper()}"))
    (copy,) = found(other)
    assert copy.first == copy.other == own and copy.text is not None
    assert copy.text.common == 56 and copy.text.own == 56 + 20 and copy.rows is None
    assert [piece.text for piece in copy.sides[0].pieces if piece.state == "common"] == [text.upper()]
    assert "".join(piece.text for piece in copy.sides[1].pieces) == own.payload["instructions"]
    (original,) = found(own)
    assert original.other == other and original.first == own


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_rows_that_were_copied_are_found_in_another_order_and_with_another_word_or_output(
    sea_or_sky: Challenge, ada: User, bob: User, draw: random.Random, share: float
) -> None:
    rows = [sentence(draw, 12) for _ in range(40)]
    kept = rows[: int(40 * share)]
    mixed = [*kept, *(sentence(draw, 12) for _ in range(40 - len(kept)))]
    by(ada, tune(rows, ["sea"]))
    draw.shuffle(mixed)
    (pair,) = found(by(bob, tune(mixed, ["sea"])))
    assert pair.rows is not None and pair.text is None
    assert (pair.rows.equal, pair.rows.near, pair.rows.own) == (len(kept), 0, 40)
    assert len(pair.sides[0].rows_in_both) == len(kept) and len(pair.sides[0].other_rows) == 40 - len(kept)
    assert all(rows[row.match - 1] == row.text for row in pair.sides[0].rows_in_both)
    changed = [" ".join([*row.split()[:-1], "elsewhere"]) for row in rows[:20]]
    (pair,) = (one for one in found(by(people(1)[0], tune([*changed, *rows[20:]], ["sky"]))) if one.other.user == ada)
    assert pair.rows is not None and (pair.rows.equal, pair.rows.near, pair.rows.own) == (0, 40, 40)


def test_what_the_course_gives_does_not_count(sea_or_sky: Challenge, ada: User, bob: User, draw: random.Random) -> None:
    version = sea_or_sky.version
    assert version is not None
    starter = [sentence(draw, 12) for _ in range(30)]
    told = sentence(draw, 50)
    rows = [{"input": text, "output": "sea"} for text in starter]
    type(version).objects.filter(pk=version.pk).update(train=rows, statement=told)
    by(ada, prompt(told))
    by(ada, tune(starter, ["sea"]))
    assert not found(by(bob, prompt(told)))
    # Corrected starter rows are no evidence either: everybody corrects them to the same labels.
    corrected = [" ".join([*text.split()[:-1], "corrected"]) for text in starter]
    by(ada, tune(corrected, ["sky"]))
    assert not found(by(bob, tune(corrected, ["sky"])))
    assert not Fingerprint.objects.filter(submission__user__in=[ada, bob]).exclude(
        submission__payload__instructions=factories.PROMPT["instructions"]
    )


def test_what_a_class_was_told_does_not_count(sea_or_sky: Challenge, ada: User, bob: User, draw: random.Random) -> None:
    text = sentence(draw, 60)
    by(ada, prompt(text))
    copy = by(bob, prompt(text))
    assert found(copy)
    evening = factories.a_class(sea_or_sky.course)
    factories.member(evening, bob)
    told = Announcement.objects.create(
        of_class=evening, title="Begin with this", text=text, publish_at=timezone.now() + timedelta(days=1)
    )
    assert found(copy)
    Announcement.objects.filter(pk=told.pk).update(publish_at=timezone.now())
    assert not found(copy)


def test_own_earlier_attempts_and_short_prompts_are_no_evidence(
    sea_or_sky: Challenge, ada: User, bob: User, draw: random.Random
) -> None:
    text = sentence(draw, 60)
    first = by(ada, prompt(text))
    assert not found(by(ada, prompt(f"{text} again")))
    by(bob, prompt(text))
    third = by(ada, prompt(f"{text} once more"))
    (pair,) = found(third)
    assert pair.other.user == bob and pair.first == first
    short = prompt("Say whether the thing lives in the sea or in the sky.")
    by(ada, short)
    assert not found(by(bob, short))


def test_annulled_attempts_and_deleted_accounts_leave_the_evidence(
    sea_or_sky: Challenge, ada: User, bob: User, grace: User, draw: random.Random
) -> None:
    text = sentence(draw, 60)
    own, copy = by(ada, prompt(text)), by(bob, prompt(text))
    decisions.annul(own, by=grace, reason="Handed in by mistake")
    assert not found(copy)
    decisions.end_annulment(Annulment.objects.get(), by=grace)
    assert found(copy)
    fingerprints.forget(ada.pk)
    assert not found(copy)
    assert Fingerprint.objects.filter(submission=copy).exists()
    copy.evaluations.all().delete()
    Submission.objects.filter(pk=copy.pk).delete()
    assert not Fingerprint.objects.filter(submission=copy.pk).exists()


def test_the_reconciler_lists_what_waits_and_a_rebuild_lists_all_again(
    sea_or_sky: Challenge, ada: User, draw: random.Random
) -> None:
    by(ada, prompt(sentence(draw, 60)))
    before = set(Fingerprint.objects.values_list("submission", "hash"))
    Submission.objects.update(fingerprinted_at=None)
    Fingerprint.objects.all().delete()
    assert reconciler.sweep()["fingerprinted"] == Submission.objects.count()
    assert set(Fingerprint.objects.values_list("submission", "hash")) == before
    assert reconciler.sweep()["fingerprinted"] == 0
    Fingerprint.objects.all().delete()
    call_command("rebuild")
    assert set(Fingerprint.objects.values_list("submission", "hash")) == before


def test_what_dies_in_between_is_listed_in_the_next_round(
    sea_or_sky: Challenge, ada: User, draw: random.Random, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = by(ada, prompt(sentence(draw, 60)))
    Submission.objects.update(fingerprinted_at=None)
    Fingerprint.objects.all().delete()

    def die() -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(fingerprints.timezone, "now", die)
        with pytest.raises(KeyboardInterrupt):
            fingerprints.carry_out(10)
    assert not Fingerprint.objects.exists()
    fingerprints.carry_out(10)
    assert Fingerprint.objects.filter(submission=attempt).count() == 56
    # Nor does a payload that nobody can read stop anything.
    Submission.objects.filter(pk=attempt.pk).update(payload={"kind": "gone"}, fingerprinted_at=None)
    Fingerprint.objects.all().delete()
    assert fingerprints.carry_out(10) == 1 and not Fingerprint.objects.exists()
    assert not found(Submission.objects.get(pk=attempt.pk))


def test_what_everybody_writes_is_listed_for_the_first_only(
    sea_or_sky: Challenge, draw: random.Random, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fingerprints, "COMMON", 3)
    text = sentence(draw, 60)
    attempts = [by(user, prompt(text)) for user in people(5)]
    listed = Fingerprint.objects.filter(submission__in=attempts).values_list("submission", flat=True)
    assert set(listed) == {one.pk for one in attempts[:3]}
    assert {pair.other for pair in found(attempts[4])} == set(attempts[:3])


# --- against the comparison of all pairs ---------------------------------------------------------------------------


def copies(draw: random.Random, texts: list[str], rows: list[list[str]]) -> Iterator[dict[str, Any]]:
    """What cheats hand in: the same, one word in ten changed, rows in another order, half of the rows."""
    for text in texts[:4]:
        yield prompt(text)
        yield prompt(" ".join(word if n % 10 else draw.choice(WORDS) for n, word in enumerate(text.split())))
    for listed in rows[:4]:
        yield tune(draw.sample(listed, len(listed)), ["sea"])
        own = [sentence(draw, 12) for _ in listed[::2]]
        yield tune([*listed[::2], *own], ["sea"])
        changed = [[word if n % 10 != 5 else draw.choice(WORDS) for n, word in enumerate(r.split())] for r in listed]
        yield tune([" ".join(words) for words in changed], ["sea"])


def test_the_index_finds_what_a_comparison_of_all_pairs_finds(sea_or_sky: Challenge, draw: random.Random) -> None:
    texts = [sentence(draw, 80) for _ in range(8)]
    rows = [[sentence(draw, 12) for _ in range(30)] for _ in range(8)]
    honest = [*map(prompt, texts), *(tune(listed, ["sea"]) for listed in rows)]
    # The source of each copy, by its number among the honest ones, which are sources of themselves.
    sources = [*range(16), *(n // 2 for n in range(8)), *(8 + n // 3 for n in range(12))]
    payloads = [*honest, *copies(draw, texts, rows)]
    attempts = [by(user, payload) for user, payload in zip(people(len(payloads)), payloads, strict=True)]
    every = evidence.compared([*combinations(attempts, 2)])
    oracle = {frozenset((one.own.pk, one.other.pk)) for one in every if one.is_evidence}
    by_index = {
        frozenset((pair.own.pk, pair.other.pk)) for one in attempts for pair in evidence.similar([one], most=100)
    }
    assert by_index == oracle
    source = {one.pk: number for one, number in zip(attempts, sources, strict=True)}
    assert all(len({source[key] for key in pair}) == 1 for pair in oracle)
    assert oracle >= {
        frozenset((attempts[sources[number]].pk, attempts[number].pk)) for number in range(16, len(attempts))
    }
