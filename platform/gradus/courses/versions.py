"""The numbers of versions: one number has one content, numbers do not go back, and a number finds its content.

The messages tell the author what to change.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any

from django.apps import apps
from django.db.models import Prefetch, Q
from django.utils.translation import gettext as _

from challenges.bundle import ChallengeBundle
from challenges.compare import compare, next_version, version_number
from challenges.course_bundle import CourseBundle
from challenges.texts import several
from gradus.courses import bundles
from gradus.courses.models import Challenge, ChallengeVersion, Course, CourseVersion
from gradus.refusal import Refused

# How much of a digest names a content: enough that nobody types it by chance.
DIGEST_CHARS = 12


class VersionRefused(Exception):
    """An import would give one version number two contents, or replace a version by a lower one."""


def check_versions(bundle: CourseBundle, *, staged_only: bool = False) -> None:
    """Checks the versions of a course and its challenges. Raises `VersionRefused` with all that the author must fix.

    With `staged_only`, the content will be a draft, so a version that was imported and waits does not give way to it.
    """
    wrong = [*_course(bundle)]
    rows = rows_of(bundle)
    replaced = {one.pk for one in replaced_drafts(rows, bundle, staged_only=staged_only)}
    for challenge in bundle.challenges:
        if row := rows.get(challenge.challenge.id):
            wrong += _challenge(row, challenge, replaced)
    if wrong:
        raise VersionRefused("\n".join(wrong))


def _course(bundle: CourseBundle) -> Iterator[str]:
    """Yields an error if the site has a newer version of the course. Its texts may change without a new version."""
    here = Course.objects.filter(slug=bundle.course.id).values_list("version", flat=True).first()
    if here and version_number(bundle.course.version) < version_number(here):
        yield f"{bundle.course.id}: this is version {bundle.course.version}, but the site already has version {here}."
        yield f"  Raise `version:` in course.yaml to {here} or more."


def rows_of(bundle: CourseBundle) -> dict[str, Challenge]:
    """Returns the rows of the challenges of a course by id, as far as the site has them, in two queries.

    Their versions come along, without the large fields.
    """
    names = [challenge.challenge.id for challenge in bundle.challenges]
    rows = Challenge.objects.filter(course__slug=bundle.course.id, name__in=names)
    rows = rows.select_related("course", "version").defer(*ChallengeVersion.content("version"))
    heads = ChallengeVersion.objects.defer(*ChallengeVersion.CONTENT)
    return {row.name: row for row in rows.prefetch_related(Prefetch("versions", heads))}


def _challenge(challenge: Challenge, bundle: ChallengeBundle, replaced: Container[int]) -> Iterator[str]:
    if challenge.version is not None and challenge.version.digest == bundle.digest:
        return
    others = (one for one in challenge.versions.all() if one.digest != bundle.digest and one.pk not in replaced)
    known = sorted(others, key=lambda one: (version_number(one.version), one.pk))
    mine = version_number(bundle.challenge.version)
    if not known or mine > version_number(known[-1].version):
        return
    same = [one for one in known if version_number(one.version) == mine]
    yield from _refusal(bundle, same[-1] if same else known[-1], highest=known[-1].version)


def replaced_drafts(
    rows: Mapping[str, Challenge], bundle: CourseBundle, *, staged_only: bool = False
) -> list[ChallengeVersion]:
    """Returns the drafts that this content replaces under their numbers: nobody was graded by them, and no learner saw
    them.

    `rows` are those of `rows_of`. With `staged_only`, a draft is only replaced if it belongs to the draft of a course,
    and not if it was imported.
    """
    return without_scores(
        one
        for content in bundle.challenges
        if (row := rows.get(content.challenge.id))
        for one in row.versions.all()
        if one.version == content.challenge.version and one.digest != content.digest
        if one.is_draft and not (staged_only and one.goes_live)
    )


def _refusal(bundle: ChallengeBundle, old: ChallengeVersion, highest: str) -> Iterator[str]:
    name, given = bundle.challenge.id, bundle.challenge.version
    if version_number(given) == version_number(old.version):
        yield f"{name}: the site already has a version {given} with other content. A version has only one content."
    else:
        yield f"{name}: this is version {given}, but the site already has version {old.version}."
    yield from (f"  {line}" for line in _differences(bundle, old))
    count = scores_of(old)
    yield f"  Version {old.version} has {several(count, 'score')}."
    yield f"  Raise `version:` in challenge.yaml to {next_version(highest)} or more."


def _differences(bundle: ChallengeBundle, old: ChallengeVersion) -> list[str]:
    try:
        return compare(bundles.load(old), bundle).lines()
    except bundles.BundleMissing:
        return ["The differences are unknown, because private storage has lost the content of the old version."]


def without_scores(versions: Iterable[ChallengeVersion]) -> list[ChallengeVersion]:
    """Returns those versions by which no current score was graded, in one query."""
    asked = list(versions)
    graded = _scores().of_versions(asked).values_list("evaluation__graded_version", "evaluation__submission__version")
    scored = {newer or own for newer, own in graded.distinct()} if asked else set()
    return [one for one in asked if one.pk not in scored]


def scores_of(version: ChallengeVersion) -> int:
    """Returns how many current scores were graded by this version. A regrade can move a score to another version."""
    count: int = _scores().of_versions([version]).count()
    return count


def _scores() -> Any:
    """The current scores. The app `submissions` imports this app, so this app cannot import its models."""
    scores: Any = apps.get_model("submissions", "Score")._default_manager
    return scores.current()


def find(course: Course, version: str, *, but: str = "") -> CourseVersion:
    """Returns the content that was published last under a number, or the one whose digest begins with `version`.

    Contents with the digest `but` are passed over if there is another one. Raises `Refused`: 404, there is none.
    """
    published = course.versions.published()
    named = Q(digest__startswith=version) if len(version) >= DIGEST_CHARS else Q(version=version)
    found = sorted(published.filter(named | Q(version=version)), key=lambda one: one.digest == but)
    if not found:
        known = ", ".join(dict.fromkeys(published.values_list("version", flat=True)))
        message = _("%(course)s has no published version %(version)s. Its versions are: %(known)s.")
        message %= {"course": course.slug, "version": version, "known": known or "-"}
        raise Refused("no_such_version", message, 404)
    return found[0]
