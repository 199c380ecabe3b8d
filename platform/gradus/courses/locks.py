"""Locks for whatever writes about publishing and verification: the course's row first, then the other rows.

The order is course, challenge, version, evaluation. So nobody who publishes, records a check or begins a board holds a
row for which another of them waits while it waits for that one's row. What changes a grade has an order of its own
(learner, evaluation, review); an approved regrade, which does both, begins with the course.
"""

from __future__ import annotations

from collections.abc import Collection

from gradus.courses.models import ChallengeVersion, Course


def hold_course(course_id: int) -> None:
    """Locks a course until the end of the transaction. Learners can begin and end attempts meanwhile."""
    Course.objects.select_for_update(no_key=True).filter(pk=course_id).first()


def hold_versions(course_id: int, version_ids: Collection[int]) -> dict[int, ChallengeVersion]:
    """Locks a course and then versions of its challenges, and returns those that are still there as they are now.

    The texts and rows that learners see are not loaded.
    """
    hold_course(course_id)
    versions = ChallengeVersion.objects.filter(pk__in=version_ids).defer("statement", "solution", "public", "train")
    return {one.pk: one for one in versions.select_for_update(no_key=True).order_by("pk")}


def hold_version(version_id: int) -> ChallengeVersion:
    """Locks the course of a version and then the version, and returns it as it is now."""
    versions = ChallengeVersion.objects.filter(pk=version_id)
    hold_course(versions.values_list("challenge__course", flat=True).get())
    return versions.select_for_update(no_key=True).get()
