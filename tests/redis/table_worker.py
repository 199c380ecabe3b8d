"""Included by the Celery worker of `test_bell.py`: its runner answers from a table, so it needs no model."""

from tests.workers.test_work import TableRunner
from workers import worker

worker.Runner = lambda **options: TableRunner()
