"""Cases that schemathesis draws from the API's own document, and what is asked of each answer."""

from __future__ import annotations

import json
import zlib
from typing import Any

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.core.parameters import ParameterLocation

from gradus.api import api
from tests.api.fuzz import checks
from tests.api.fuzz.site import Site
from tests.api.fuzz.world import World

PATH = ParameterLocation.PATH
FITTING = settings(database=None, deadline=None, suppress_health_check=list(HealthCheck))
SEED = 1


def document(seed: int) -> Any:
    found = schemathesis.openapi.from_dict(json.loads(json.dumps(api.get_openapi_schema())))
    found.app = Site()
    found.config.seed = seed
    # A list with too many entries may be refused for the size of the body that they make.
    refused = found.config.checks.negative_data_rejection
    refused.expected_statuses = [*refused.expected_statuses, "413"]
    return found


def send(case: schemathesis.Case, headers: dict[str, str]) -> Any:
    return case.call_and_validate(headers=headers, additional_checks=checks.OURS, excluded_checks=checks.LEFT_OUT)


def to_something(case: schemathesis.Case, world: World) -> None:
    """In three of four cases whose path is well formed, it leads to what there is: a drawn id leads nowhere."""
    if case.meta is None or case.meta.is_negative_at(PATH):
        return
    drawn = zlib.crc32(repr((case.body, case.query, case.path_parameters)).encode())
    for name in case.path_parameters:
        known = list(world.of(case.path, name).values())
        if drawn % 4:
            case.path_parameters[name] = known[drawn // 4 % len(known)]
