import re

import pytest

from gradus.courses import catalogue
from gradus.learn.findings import words
from gradus.learn.findings.figure import SCORES, differences, lanes
from gradus.learn.findings.shown import shown
from gradus.learn.findings.words import MINUS, signed
from gradus.learn.lesson.markdown import render
from tests.learn.findings import made_up
from tests.markup import Markup

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


@pytest.fixture
def lesson(db, tmp_path):
    return made_up.lesson(tmp_path / "c")


def page(client, address="/lessons/first/") -> str:
    response = client.get(address)
    assert response.status_code == 200
    return Markup(response.content.decode())


def section(text: str, id: str) -> str:
    return re.search(rf'<section class="finding" id="finding-{id}".*?</section>', text, re.S)[0]


def test_a_finding_stands_at_its_mark_and_the_others_before_the_challenges(client, lesson):
    text = page(client)
    places = ["Some text.", 'id="finding-few-shot"', "More text.", 'id="findings"', 'id="finding-order"']
    found = [text.index(place) for place in [*places, 'id="challenges"']]
    assert found == sorted(found)
    assert text.count('id="finding-few-shot"') == 1


def test_the_figure_states_means_effects_and_what_was_measured(client, lesson):
    text = section(page(client), "few-shot")
    assert "Few-shot reaches 0.65, 0.13 above zero-shot." in text
    assert "What this does not show:" in text and "words about the sea." in text
    assert "Macro F1 on 240 hidden rows" in text
    assert (
        "240 hidden rows, 1 to 5 repetitions of an arm." in text and "Measured on Abacus, 2 cores, 27 Nov 2026" in text
    )
    # Five sets of examples, one prompt without, three seeds.
    marks = re.findall(r'<use class="forest-mark" href="#mark-([a-z]+)" x="([\d.]+)%"', text)
    assert [shape for shape, _ in marks].count("square") == 5 and len(marks) == 9
    assert ("circle", "52.10") in marks
    assert "“Two examples” minus “No examples”" in text and "+0.13, 95 % interval +0.04 to +0.21, above zero" in text
    assert "“LoRA” minus the best of “Two examples”" in text


def test_the_table_holds_every_number_of_the_figure(client, lesson):
    table = re.search(r"<table.*?</table>", section(page(client), "few-shot"), re.S)[0]
    rows = re.findall(
        r'<th scope="row" lang="en">(.*?)</th><td lang="en">(.*?)</td><td[^>]*>(.*?)</td><td[^>]*>(.*?)</td>', table
    )
    assert ("No examples", "weak", "0.52", "0.50") in rows and ("LoRA", "seed 3", "0.90", "0.90") in rows
    assert len(rows) == 9


def test_what_was_not_measured_says_so_and_states_nothing(client, lesson):
    text = section(page(client), "order")
    assert "Not measured yet." in text and "not measured yet</span>" in text
    assert "The orders lie" not in text and "forest" not in text


@pytest.mark.parametrize("lost", ["arm", "claim", "challenge", "experiment", "runs"])
def test_a_record_of_another_experiment_counts_as_none(client, db, tmp_path, lost):
    record = made_up.few_record()
    experiment = record["experiments"][0]
    if lost == "arm":
        experiment["arms"].pop()
    elif lost == "claim":
        experiment["claims"].pop()
    elif lost == "challenge":
        experiment["challenge"] = "ticket"
    elif lost == "runs":
        experiment["arms"][0]["runs"] = []
    else:
        record["experiments"] = []
    made_up.course(tmp_path / "c", [made_up.FEW], {"few-shot": record})
    assert "Not measured yet." in section(page(client), "few-shot")


def test_a_measurement_that_shows_something_else_says_so(client, db, tmp_path):
    record = made_up.few_record()
    record["experiments"][0]["claims"][0] = made_up.claim(0.012, -0.041, 0.06, "unclear", holds=False)
    made_up.course(tmp_path / "c", [made_up.FEW], {"few-shot": record})
    text = section(page(client), "few-shot")
    assert "The measurement did not show this." in text and ">not shown</span>" in text
    said = "the claim was: higher by 0.03 or more. The measurement gave +0.01, 95 % interval ~0.04 to +0.06, no clear"
    assert said.replace("~", MINUS) in text
    assert 'The author had stated:<span lang="en">Few-shot reaches 0.65, 0.01 above zero-shot.</span>' in text


def test_texts_of_a_bundle_are_text(client, db, tmp_path):
    finding = {**made_up.FEW, "title": HOSTILE, "statement": HOSTILE, "limits": HOSTILE}
    finding["experiments"] = [dict(finding["experiments"][0])]
    finding["experiments"][0]["arms"] = [{**one, "title": HOSTILE} for one in finding["experiments"][0]["arms"]]
    record = made_up.few_record(machine=HOSTILE, day=HOSTILE)
    for arm in record["experiments"][0]["arms"]:
        for run in arm["runs"]:
            run["name"] = HOSTILE
    made_up.course(tmp_path / "c", [finding], {"few-shot": record})
    text = section(page(client), "few-shot")
    assert "<script>alert" not in text and "<img" not in text
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt;") > 12


def test_a_finding_has_a_page_of_its_own(client, lesson):
    text = page(client, "/lessons/first/findings/few-shot/")
    assert 'id="finding-few-shot"' in text and 'href="/lessons/first/#finding-few-shot"' in text
    assert client.get("/lessons/first/findings/nothing/").status_code == 404
    assert client.get("/lessons/nothing/findings/few-shot/").status_code == 404


def test_several_measures_are_several_panels(db, tmp_path):
    arms = [
        {"id": "zero", "title": "None", "files": ["baselines/weak.yaml"]},
        {"id": "few", "title": "Two", "files": ["baselines/weak.yaml"], "example_sets": made_up.SETS},
    ]
    claims = [
        {"arms": ["few", "zero"], "varies": "examples", "found": "higher", "measure": measure}
        for measure in ("valid", "decisions")
    ]
    finding = {**made_up.FEW, "experiments": [{"challenge": "ticket", "arms": arms}], "claims": claims}
    record = made_up.record(
        [made_up.arm("zero", [0.1]), made_up.arm("few", [0.5] * 5)], [made_up.claim(0.8, 0.7, 0.9)] * 2
    )
    record["experiments"][0]["challenge"] = "ticket"
    for arm, valid, decisions in zip(record["experiments"][0]["arms"], (0.0, 0.97), (0.3, 0.31), strict=True):
        arm["mean"] = {"valid": valid, "decisions": decisions}
        for run in arm["runs"]:
            run["values"] = dict(arm["mean"])
    made_up.course(tmp_path / "c", [finding], {"few-shot": record})
    group = shown(catalogue.now().lesson("first"), None)[0].groups[0]
    assert [panel.title for panel in group.panels] == [
        "Share of answers that are valid JSON", "Share of decisions that are right",
    ]  # fmt: skip
    assert [panel.lines[1].mean.said for panel in group.panels] == ["0.97", "0.31"]
    assert [effect.measure for effect in group.effects] == list(group.columns)


def test_scores_have_one_axis_and_differences_the_same_unit():
    assert [SCORES.at(value) for value in (0, 0.521, 1, 7)] == ["0.00%", "52.10%", "100.00%", "100.00%"]
    small, large = differences([0.1, -0.5]), differences([0.51])
    assert (small.low, small.high, large.high) == (-0.5, 0.5, 1.0)
    assert [tick.label for tick in small.ticks] == [f"{MINUS}0.50", f"{MINUS}0.25", "0.00", "+0.25", "+0.50"]
    assert [tick.is_zero for tick in small.ticks] == [False, False, True, False, False]
    assert [signed(value) for value in (0.004, -0.004, -0.1)] == ["0.00", "0.00", f"{MINUS}0.10"]


def test_equal_scores_are_told_apart():
    assert lanes([0.5, 0.9, 0.5, 0.5]) == [0, 0, -5, 5]
    assert len(set(lanes([0.5] * 5))) == 5 and lanes([]) == []


def test_days_are_written_as_on_other_pages():
    assert (words.of_day("2026-11-27"), words.of_day("in winter")) == ("27 Nov 2026", "in winter")


def test_marks_of_findings_name_an_id_and_nothing_else():
    parts = render("<!-- finding: few-shot -->\n\n<!--finding:order-->\n\n<!-- finding: A b -->\n").parts
    assert [part.finding for part in parts] == ["few-shot", "order"]
