"""The raw result that a worker keeps in private storage; for staff only."""

import json
from typing import Any

from django.core.files.storage import storages

from gradus.submissions.models import Evaluation


def raw_result(evaluation: Evaluation) -> dict[str, Any]:
    """Empty where the machine kept nothing."""
    store = storages["private"]
    if not evaluation.raw or not store.exists(evaluation.raw):
        return {}
    with store.open(evaluation.raw) as file:
        raw: dict[str, Any] = json.loads(file.read())
        return raw
