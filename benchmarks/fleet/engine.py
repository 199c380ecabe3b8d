"""A runner that takes a fixed time for each work item, whatever the machine does: two cores measure nothing else.

Its answers are those of `tests.faults.stub_runner`, which depend only on the text.
"""

from __future__ import annotations

import argparse

from graders.base import Score, Scored
from tests.faults import stub_runner
from workers.engine.choice import Choice
from workers.engine.watch import Watch
from workers.sandbox import runner


class Fixed(stub_runner.Stub):
    def run(self, item: Score, watch: Watch, choice: Choice) -> Scored:
        stub_runner.misbehave("slow", watch)
        return super().run(item, watch, choice)


def session(options: argparse.Namespace) -> Fixed:
    return Fixed()


if __name__ == "__main__":
    runner._session = session  # type: ignore[assignment]
    runner._embed = stub_runner.embed
    raise SystemExit(runner.main())
