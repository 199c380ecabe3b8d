"""The harness itself: no process of a test's site survives the test, however it ends."""

from __future__ import annotations

import pytest

from gradus.operations import ports
from tests.faults.site import open_site


class Interrupted(Exception):
    """Stands for Ctrl-C in the middle of a test."""


@pytest.mark.slow
def test_a_site_that_is_left_in_the_middle_leaves_no_web_server():
    with pytest.raises(Interrupted), open_site() as site:
        port = site.start_web()
        assert ports.serves("127.0.0.1", port, "/api/v1/courses")
        raise Interrupted
    assert not ports.serves("127.0.0.1", port, "/api/v1/courses")
