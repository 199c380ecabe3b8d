"""Checks of the learning platforms: whether they answer, their keys and clocks, grades, and what was refused last."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from challenges.texts import several
from gradus.id_tokens import LEEWAY_SECONDS
from gradus.lti import advice, keys, sending
from gradus.lti.models import Platform
from gradus.lti.status import Waiting, waiting
from gradus.operations.doctor.results import Result, fail, ok, warn
from gradus.outgoing import Unreachable

# A clock that differs by more is told before it differs by too much.
TOLD_SECONDS = LEEWAY_SECONDS / 2
PAGE = "The page of the platform, under Teach, Learning platforms, has more."


def platforms() -> Iterator[Result]:
    """Asks each platform from which people may come, and says what to do where something is wrong."""
    for one in Platform.objects.filter(is_open=True):
        yield from _platform(one, f"platform {one}")


def _platform(one: Platform, name: str) -> Iterator[Result]:
    fault, waits = keys.fetch(one), waiting(one)
    if fault:
        yield fail(name, f"its keys cannot be fetched: {fault}", str(advice.LAUNCHES["platform_away"]))
    clock = "its clock is not known" if one.skew is None else f"clocks {abs(one.skew):.0f} seconds apart"
    if one.skew is not None and abs(one.skew) > TOLD_SECONDS:
        yield warn(name, f"its clock and this server's are {abs(one.skew):.0f} seconds apart", str(advice.CLOCKS))
    if waits.deployments:
        said = f"{several(waits.deployments, 'deployment')} not approved"
        yield warn(name, said, str(advice.LAUNCHES["deployment_new"]))
    if waits.courses:
        yield warn(name, f"{several(waits.courses, 'course')} without a class", str(advice.LAUNCHES["context_new"]))
    if waits.columns:
        yield from _grades(one, name, waits)
    if one.refused_at is not None and (one.launched_at is None or one.refused_at > one.launched_at):
        yield warn(name, f"at {_at(one.refused_at)} this was refused: {one.refusal}", PAGE)
    if not fault:
        came = f"last launch {_at(one.launched_at)}" if one.launched_at else "no launch yet"
        yield ok(name, f"its keys are here, {clock}, {came}")


def _grades(one: Platform, name: str, waits: Waiting) -> Iterator[Result]:
    """Asks a platform with columns for grades whether this site may send some, and says what waits."""
    try:
        sending.token_of(one)
    except Unreachable as error:
        yield fail(name, str(error), advice.of_sending(error.status))
        return
    if waits.refused:
        yield warn(name, f"it does not take {several(waits.refused, 'grade')}", PAGE)
    if one.is_resting:
        yield warn(name, f"{several(waits.grades, 'grade')} waiting: {one.rest_fault}", PAGE)
        return
    took = f"the last one arrived {_at(waits.arrived_at)}" if waits.arrived_at else "none has arrived yet"
    yield ok(name, f"it gives access for grades, {several(waits.grades, 'grade')} waiting, {took}")


def _at(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"
