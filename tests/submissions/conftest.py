from __future__ import annotations

import os

import pytest


@pytest.fixture(scope="session", autouse=True)
def mutant() -> None:
    """`make mutants` takes a guard out for tests that run in this very process."""
    if "GRADUS_TEST_MUTANT" in os.environ:
        from tests.faults import mutants

        mutants.take_out()
