"""Prometheus metrics of grading. They are read from the database, so that all web processes report equal values."""

from collections.abc import Iterator

from django.db import DatabaseError
from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gradus.submissions import health


class Grading(Collector):
    def describe(self) -> list[Metric]:
        """Returns nothing. Otherwise, registering this collector would query the database while the site starts."""
        return []

    def collect(self) -> Iterator[Metric]:
        try:
            found = [*lane_metrics(), *sweep_metrics()]
        except DatabaseError:
            found = []
        yield gauge("gradus_database_up", "1 if the database answered this scrape, else 0", float(bool(found)))
        yield from found


def gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)


def lane_metrics() -> Iterator[Metric]:
    waiting = GaugeMetricFamily("gradus_open_evaluations", "Evaluations that have not ended", labels=("lane", "state"))
    oldest = GaugeMetricFamily("gradus_oldest_open_seconds", "Age of the oldest open evaluation", labels=("lane",))
    workers = GaugeMetricFamily("gradus_workers", "Workers seen in the last two minutes", labels=("lane",))
    troubled = GaugeMetricFamily(
        "gradus_troubled_workers", "Workers seen in the last two minutes that report a problem", labels=("lane",)
    )
    failed = GaugeMetricFamily(
        "gradus_failed_evaluations",
        "Evaluations that failed in the last hour through a fault of ours",
        labels=("lane", "code"),
    )
    for lane in health.lanes():
        waiting.add_metric((lane.lane, "queued"), lane.queued)
        waiting.add_metric((lane.lane, "running"), lane.running)
        oldest.add_metric((lane.lane,), lane.oldest_s)
        workers.add_metric((lane.lane,), lane.workers)
        troubled.add_metric((lane.lane,), lane.troubled)
        for code in {"internal": 0, **lane.failed}:
            failed.add_metric((lane.lane, code), lane.failed.get(code, 0))
    yield from (waiting, oldest, workers, troubled, failed)
    yield gauge("gradus_overdue_evaluations", "Open for over 15 minutes", health.overdue().count())


def sweep_metrics() -> Iterator[Metric]:
    """Yields metrics of the reconciler. If it has never run, the time of its last run is 0."""
    last = health.last_sweep()
    ran = last.last_run.timestamp() if last else 0.0
    yield gauge("gradus_reconciler_last_run_timestamp_seconds", "When a reconciler last ended a round", ran)
    broken = sum(last.broken.values()) if last else 0
    yield gauge("gradus_invariants_broken", "Rows that break an invariant, as the last round counted", broken)


def register() -> None:
    REGISTRY.register(Grading())
