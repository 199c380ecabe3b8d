"""Reads the raw result of an evaluation, which a worker has written to private storage. For staff only."""

import json
from typing import Any

from django.core.files.storage import storages

from gradus.submissions.models import Evaluation


def raw_result(evaluation: Evaluation) -> dict[str, Any]:
    """Returns the raw result, which is empty if the worker stored none."""
    store = storages["private"]
    if not evaluation.raw or not store.exists(evaluation.raw):
        return {}
    with store.open(evaluation.raw) as file:
        raw: dict[str, Any] = json.loads(file.read())
        return raw
