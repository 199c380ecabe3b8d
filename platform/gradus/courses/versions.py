"""One version number, one content: what an import would break of that, in words that say how to put it right."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps

from challenges.bundle import ChallengeBundle, CourseBundle
from challenges.compare import compare
from challenges.versions import after, number
from gradus.courses import bundles
from gradus.courses.models import Challenge, ChallengeVersion, Course


class VersionRefused(Exception):
    """An import would give one number two contents, or go back to a lower number. The text is for the author."""


def hold(bundle: CourseBundle) -> None:
    """Raises `VersionRefused` with everything about the versions that has to be put right, course and challenges."""
    wrong = [*_course(bundle)]
    for lesson in bundle.lessons:
        for challenge in lesson.challenges:
            wrong += _challenge(challenge)
    if wrong:
        raise VersionRefused("\n".join(wrong))


def _course(bundle: CourseBundle) -> Iterator[str]:
    """A course may change its texts under one number, but an older one does not take the place of a newer one."""
    here = Course.objects.filter(slug=bundle.course.id).values_list("version", flat=True).first()
    if here is not None and number(bundle.course.version) < number(here):
        yield f"{bundle.course.id}: this is version {bundle.course.version}, and version {here} is here already."
        yield f"  Raise `version:` in course.yaml to {here} or more."


def _challenge(bundle: ChallengeBundle) -> Iterator[str]:
    challenge = Challenge.objects.filter(slug=bundle.challenge.id).select_related("version").first()
    if challenge is None or (challenge.version is not None and challenge.version.digest == bundle.digest):
        return
    others = challenge.versions.exclude(digest=bundle.digest).defer(*ChallengeVersion.CONTENT)
    known = sorted(others, key=lambda one: (number(one.version), one.pk))
    mine = number(bundle.challenge.version)
    if not known or mine > number(known[-1].version):
        return
    same = [one for one in known if number(one.version) == mine]
    yield from _refusal(bundle, same[-1] if same else known[-1], highest=known[-1].version)


def _refusal(bundle: ChallengeBundle, old: ChallengeVersion, highest: str) -> Iterator[str]:
    name, given = bundle.challenge.id, bundle.challenge.version
    if number(given) == number(old.version):
        yield f"{name}: version {given} is here already with other content, and a number stands for one content only."
    else:
        yield f"{name}: this is version {given}, and version {old.version} is here already."
    yield from (f"  {line}" for line in _differences(bundle, old))
    count = scores_of(old)
    stand = "1 score stands" if count == 1 else f"{count} scores stand"
    yield f"  {stand} on version {old.version}."
    yield f"  Raise `version:` in challenge.yaml to {after(highest)} or more, and import again."


def _differences(bundle: ChallengeBundle, old: ChallengeVersion) -> list[str]:
    try:
        return compare(bundles.load(old), bundle).lines()
    except bundles.BundleMissing:
        return ["what differs cannot be said: private storage has lost the content that is here"]


def scores_of(version: ChallengeVersion) -> int:
    """How many scores that count now were made by this content; a regrade may have moved them to another one."""
    # Scores belong to an app that knows this one, and not the other way round.
    scores: Any = apps.get_model("submissions", "Score")._default_manager
    count: int = scores.current().of_version(version).count()
    return count
