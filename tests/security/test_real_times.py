"""How long the site takes to answer tells nothing of what is hidden: measured over HTTP, on this machine's clock.

Two classes of requests differ in hidden material alone and come in random order. A classifier on their times, trained
and tried on different ones, must stay at AUC 0.52. With n of each class and nothing to find, an AUC has the standard
error sqrt((2n + 1) / (12 n^2)) (Mann and Whitney 1947): 0.0053 for 6,000, so that chance goes over 0.52 once in 13,000
runs (3.8 standard errors), and a leak that is worth an AUC of 0.54 stays under it as seldom. The control plants a delay
of one median absolute deviation of the times themselves, which no busy machine can hide: the same steps must find it.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from django.test import Client

from gradus.courses import bundles
from gradus.courses.models import Challenge
from tests import factories
from tests.api.conftest import Caller
from tests.learn.hidden.test_timing import CHANCE, auc
from tests.security import crowd_site
from tests.security.crowd_site import CHALLENGE, CrowdSite

EACH, CONTROL_EACH = 6000, 1000
FALSE_ALARMS = 1e-4
Visit = Callable[[int, float], list[float]]


class Visitor:
    """One learner's connection, kept open: what is timed is the site."""

    def __init__(self, port: int, token: str, session: str) -> None:
        self.link = HTTPConnection("127.0.0.1", port, timeout=120)
        self.api = {"Authorization": f"Bearer {token}"}
        self.page = {"Cookie": f"sessionid={session}"}

    def timed(self, path: str, headers: dict[str, str], plant: float = 0) -> tuple[float, bytes]:
        """Seconds until the last byte, and the answer."""
        began = time.perf_counter()
        self.link.request("GET", path, headers={**headers, "X-Plant": str(plant)})
        answer = self.link.getresponse()
        content = answer.read()
        took = time.perf_counter() - began
        assert answer.status < 300, (path, answer.status, content[:300])
        return took, content


@pytest.fixture(scope="module")
def site() -> Iterator[CrowdSite]:
    with crowd_site.opened(None, application="tests.security.timed_app:application", attempts=100) as found:
        yield found


@pytest.fixture(scope="module")
def world(site: CrowdSite) -> dict[str, Any]:
    return dict(site.ask("worlds"))


@pytest.fixture
def visitor(site: CrowdSite, world: dict[str, Any]) -> Iterator[Visitor]:
    found = Visitor(site.ports[0], world["token"], world["session"])
    yield found
    found.link.close()


def measured(visit: Visit, each: int, seed: int, plant: float = 0) -> tuple[list[list[float]], np.ndarray]:
    """Times of `each` visits of either class, in random order; `plant` delays those of the second."""
    labels = np.repeat([0, 1], each)
    random.Random(seed).shuffle(labels)
    for label in labels[:50]:
        visit(int(label), 0)
    return [visit(int(label), plant if label else 0) for label in labels], labels


def found(name: str, visit: Visit, each: int, seed: int, plant: float = 0) -> float:
    times, labels = measured(visit, each, seed, plant)
    score, middle = auc(times, labels), np.median(np.array(times), axis=0)
    error = np.sqrt((2 * each + 1) / (12 * each**2))
    told = f"(standard error {error:.4f}), medians {np.round(1000 * middle, 2)} ms, plant {1000 * plant:.2f} ms"
    print(f"{name}: AUC {score:.4f} on 2 x {each} {told}")
    return score


def spread(visit: Visit) -> float:
    """The median absolute deviation of the sum of a visit's times, in seconds."""
    totals = [sum(visit(n % 2, 0)) for n in range(400)]
    return float(np.median(np.abs(np.array(totals) - np.median(totals))))


def reader(visitor: Visitor, world: dict[str, Any]) -> Visit:
    """Looks at a result on the page and over the API: of equal shown scores, the hidden ones are worlds apart."""
    drawn = random.Random(5)

    def visit(label: int, plant: float) -> list[float]:
        uuid = drawn.choice(world["graded"][label])
        page, _ = visitor.timed(f"/submissions/{uuid}/", visitor.page, plant)
        api, _ = visitor.timed(f"/api/v1/submissions/{uuid}", visitor.api)
        return [page, api]

    return visit


@pytest.mark.slow
def test_times_tell_nothing_of_what_is_hidden(visitor: Visitor, world: dict[str, Any]) -> None:
    error = np.sqrt((2 * EACH + 1) / (12 * EACH**2))
    assert NormalDist().cdf((0.5 - CHANCE) / error) < FALSE_ALARMS
    assert found("results", reader(visitor, world), EACH, seed=1) <= CHANCE


@pytest.mark.slow
def test_a_planted_delay_is_found(visitor: Visitor, world: dict[str, Any]) -> None:
    visit = reader(visitor, world)
    assert found("results, planted", visit, CONTROL_EACH, seed=2, plant=spread(visit)) > 0.6


@pytest.mark.slow
def test_the_two_worlds_look_the_same_and_are_not(visitor: Visitor, world: dict[str, Any]) -> None:
    paths = [f"/api/v1/submissions/{uuids[0]}" for uuids in world["graded"]]
    shown = [json.loads(visitor.timed(path, visitor.api)[1]) for path in paths]
    assert shown[0]["score"] == shown[1]["score"] and shown[0]["verdict"] == shown[1]["verdict"]
    (low, few), (high, many) = world["hidden"]
    assert low != high and few == 0 < many


def test_who_hands_in_waits_for_nothing_that_is_hidden(
    sea_or_sky: Challenge, ada_client: Client, ada_api: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hidden rows are read by workers alone, so that how long a submit takes cannot tell of them."""
    monkeypatch.setattr(bundles, "of_digest", lambda digest: pytest.fail("the bundle was read"))
    form = {"kind": "prompt", "instructions": "Sea or sky?", "key": "k"}
    for page in ("submit", "run"):
        assert ada_client.post(f"/challenges/{CHALLENGE}/{page}", form).status_code == 302
    for call in ("submissions", "runs"):
        assert ada_api.post(f"/challenges/{CHALLENGE}/{call}", factories.PROMPT).status_code == 201
