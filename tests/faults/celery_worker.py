"""Included by a real Celery worker of `test_broker.py`: its runner has the stub engine."""

from workers.sandbox import launch

launch.MODULE = "tests.faults.stub_runner"
