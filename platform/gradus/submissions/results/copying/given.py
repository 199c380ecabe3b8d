"""Says what does not count as copied, because the course hands it out.

That is everything that learners may read: the starter rows, public samples, documents, statements and solutions of all
versions of a challenge, the text of its lesson with its findings, and what was announced to the learners' classes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from challenges.shingles import Run, runs, words
from challenges.texts import normal
from gradus.classes.models import Announcement, Member
from gradus.courses.models import Challenge, ChallengeVersion, Lesson
from gradus.submissions.results.copying.material import Material, NearRows, Row, hashed

ANNOUNCEMENTS_MAX = 200


@dataclass(frozen=True)
class Given:
    """What a course hands out: hashes of the runs of words of all its texts, and its texts themselves in normal form.

    `near` finds texts that differ from a row or an example of the course in a few words.
    """

    runs: frozenset[int]
    texts: frozenset[str]
    near: NearRows

    def free_runs(self, material: Material, also: frozenset[int] = frozenset()) -> list[int | None]:
        """Returns the hash of each run of words of a text in order; None where the run is given."""
        return [None if one in self.runs or one in also else one for one in map(run_hash, material.runs)]

    def free_row(self, row: Row) -> Row | None:
        """Returns the part of a row that its learner wrote; None where all of it is given.

        A starter row with another output, or with a few other words, is given: everybody who corrects the starter rows
        comes to the same ones.
        """
        own = tuple(text for text, key in zip(row.inputs, row.keys, strict=True) if key and not self._has(key))
        return Row(own, row.output) if own else None

    def _has(self, key: str) -> bool:
        return key in self.texts or bool(self.near.find(frozenset(key.split())))


def run_hash(run: Run) -> int:
    return hashed("text", run)


def run_hashes(texts: Iterable[str]) -> frozenset[int]:
    return frozenset(run_hash(run) for text in texts for run in runs(words(text)))


def given(challenge: Challenge) -> Given:
    """Returns what the challenge and its lesson hand out. It is computed once for each content in each process."""
    versions = ChallengeVersion.objects.filter(challenge=challenge, published_at__isnull=False)
    digests = tuple(versions.order_by("pk").values_list("pk", "digest", "imported_at"))
    lesson = Lesson.objects.filter(pk=challenge.lesson_id).values_list("digest", flat=True).first()
    return _given(digests, challenge.lesson_id, lesson)


@lru_cache(maxsize=8)
def _given(versions: tuple[tuple[int, Any, Any], ...], lesson_id: int, lesson: str | None) -> Given:
    """The arguments beside the keys name the content, so that what has changed is read again."""
    kept = ChallengeVersion.objects.filter(pk__in=[pk for pk, *_ in versions])
    contents = list(kept.values_list("statement", "solution", "spec", "public", "train"))
    taught = Lesson.objects.filter(pk=lesson_id).values_list("text", "summary", "spec", "findings", "arms", "records")
    lessons = list(taught)
    rows = {text for *_, public, train in contents for text in strings([public, train])}
    rows |= {text for *_, arms, _records in lessons for text in strings(arms)}
    texts = rows | set(strings([contents, lessons]))
    return Given(
        runs=run_hashes(texts),
        texts=frozenset(map(normal, texts)),
        near=NearRows(frozenset(normal(text).split()) for text in rows),
    )


def strings(value: Any) -> Iterator[str]:
    """Yields every text in a JSON value; keys are no texts."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from strings(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from strings(one)


def announced(challenge: Challenge, users: Collection[int]) -> frozenset[int]:
    """Returns the hashes of the runs of words that the learners' classes of the course were told, the newest first."""
    classes = Member.objects.filter(user__in=users, of_class__course=challenge.course_id).values("of_class")
    told = Announcement.objects.published().filter(of_class__in=classes)
    return run_hashes(told.values_list("text", flat=True)[:ANNOUNCEMENTS_MAX])
