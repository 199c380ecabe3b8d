from __future__ import annotations

import os

import pytest


@pytest.fixture(scope="session", autouse=True)
def mutant() -> None:
    """`make mutants` takes a guard out for tests that run in this very process."""
    if name := os.environ.get("GRADUS_TEST_MUTANT"):
        from tests.faults import mutants

        if name in mutants.MUTANTS:
            mutants.MUTANTS[name].take_out()
