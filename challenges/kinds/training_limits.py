"""How much any training run may use on this site: the operator's settings, because a GPU trains what a CPU cannot.

Of a challenge's limit and the operator's, the smaller one counts.
"""

from __future__ import annotations

import os


def operators() -> dict[str, int]:
    """The most rows, steps and seconds of computing, by the name that a challenge's section gives them.

    The site's settings refuse other values than whole numbers; here these count as not set.
    """
    return {
        "rows_max": _whole(os.environ.get("GRADUS_TRAINING_ROWS", ""), 2000),
        "steps_max": _whole(os.environ.get("GRADUS_TRAINING_STEPS", ""), 500),
        "seconds": _whole(os.environ.get("GRADUS_TRAINING_SECONDS", ""), 600),
    }


def _whole(given: str, default: int) -> int:
    text = given.strip()
    return int(text) if text.isascii() and text.isdigit() and int(text) else default
