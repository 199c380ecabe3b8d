"""Gives the Celery worker of `test_broker.py`, which includes this module, a runner with the stub engine."""

from workers.sandbox import launch

launch.MODULE = "tests.faults.stub_runner"
