import re

import pytest
from django.urls import reverse

from challenges.lesson.demo import PANELS, calibrated, said
from challenges.lesson.spec import Demo
from gradus.learn.demo import demo
from gradus.learn.demo.demo import DEMO
from gradus.submissions import services
from gradus.submissions.models import Evaluation, Run
from tests.learn import scene

ADDRESS = "/lessons/first/demo/"
TEXT = "a heron over the reef"


@pytest.fixture
def lesson(db, tmp_path):
    return scene.scene_course(tmp_path / "scene").lessons.get()


@pytest.fixture
def runs(ada, lesson):
    return DEMO.start(lesson, ada, TEXT)


def scene_demo(**values):
    return Demo.model_validate({**scene.DEMO, **values})


def panel(lesson, run, **probabilities):
    scene.answer_demo(run, probabilities)
    return DEMO.panel(lesson, run)


def test_a_visitor_starts_three_real_runs(client, lesson):
    response = client.post(ADDRESS, {"text": f"  {TEXT}\n"})
    runs = list(Run.objects.order_by("pk"))
    assert response.url == reverse("learn:demo_result", args=["first", *[run.uuid for run in runs]])
    assert [(run.label, run.purpose, run.inputs) for run in runs] == [
        (name, "demo", [TEXT]) for name in ("zero-shot", "few-shot", "fine-tuned")
    ]
    assert [run.adapter for run in runs] == ["", "", "demo/adapter"]
    assert [len(run.payload["examples"]) for run in runs] == [0, 2, 0]
    text = client.get(response.url).content.decode()
    assert text.count('aria-busy="true"') == 3 and "Not nautical advice." in text


@pytest.mark.parametrize(("text", "words"), [("  ", "Write a sentence"), ("x" * 81, "80 are allowed")])
def test_a_text_that_is_not_taken_is_kept_and_explained(client, lesson, text, words):
    response = client.post(ADDRESS, {"text": text})
    assert response.status_code == 422 and words in response.content.decode()
    assert text.strip() in response.content.decode() and not Run.objects.exists()


def test_three_runs_start_or_none(ada, ada_client, lesson):
    for _ in range(2):
        assert ada_client.post(ADDRESS, {"text": TEXT}).status_code == 302
    response = ada_client.post(ADDRESS, {"text": TEXT})
    assert response.status_code == 429 and "Wait for one to end" in response.content.decode()
    assert Run.objects.count() == 6 == Evaluation.objects.count()


def test_zero_shot_hedges_between_two_that_are_close(lesson, runs):
    found = panel(lesson, runs[0], sea=0.54, sky=0.46)
    assert found.said.answer == "sea or sky"
    assert "0.08 apart" in found.said.note and "more than 0.10" in found.said.note
    assert [(m.label, m.share) for m in found.said.meters] == [("sea", 0.54), ("sky", 0.46)]
    assert found.tokens == 33.0


def test_zero_shot_answers_where_one_is_ahead(lesson, runs):
    found = panel(lesson, runs[0], sea=0.3, sky=0.7).said
    assert found.answer == "sky" and found.note == "sea comes second, 0.40 behind."


def test_what_is_shown_decides_and_not_a_digit_that_nobody_sees():
    spec = scene_demo()
    assert said(spec, "zero-shot", {"sea": 0.5548, "sky": 0.4452}).answer == "sea or sky"
    assert said(spec, "zero-shot", {"sea": 0.5551, "sky": 0.4449}).answer == "sea"
    assert not said(spec, "few-shot", {"sea": 0.5961, "sky": 0.4039}).is_unsure


def test_few_shot_abstains_under_the_authors_confidence(lesson, runs):
    panel(lesson, runs[0], sea=0.5, sky=0.5)
    found = panel(lesson, runs[1], sea=0.55, sky=0.45).said
    assert found.answer == "Not sure about the answer, need more context" and found.is_unsure
    assert found.note == "Its best guess is sea with 0.55; below 0.60 it gives no answer."


def test_fine_tuned_names_one_and_related_ones_with_the_authors_condition(lesson, runs):
    panel(lesson, runs[0], sea=0.5, sky=0.5)
    panel(lesson, runs[1], sea=0.5, sky=0.5)
    found = panel(lesson, runs[2], sea=0.9, sky=0.1).said
    assert (found.answer, found.note) == ("sea", "Its calibrated confidence is 0.90.")
    assert [(m.label, m.share, m.condition) for m in found.meters] == [("sea", 0.9, "")]
    assert [(m.label, m.share, m.condition) for m in found.related] == [("sky", 0.1, "if it flies")]


@pytest.mark.parametrize("name", PANELS)
def test_a_share_under_five_hundredths_is_shown_nowhere(name):
    found = said(scene_demo(), name, {"sea": 0.9557, "sky": 0.0443})
    assert [meter.label for meter in (*found.meters, *found.related)] == ["sea"]
    found = said(scene_demo(), name, {"sea": 0.95, "sky": 0.05})
    assert [meter.label for meter in (*found.meters, *found.related)] == ["sea", "sky"]


def test_the_answer_is_not_among_its_own_relatives(ada_client, lesson, runs):
    for run, shares in zip(
        runs, ({"sea": 0.5, "sky": 0.5}, {"sea": 0.5, "sky": 0.5}, {"sea": 0.8, "sky": 0.2}), strict=True
    ):
        scene.answer_demo(run, shares)
    text = ada_client.get(reverse("learn:demo_panel", args=["first", runs[2].uuid])).content.decode()
    shown, _, ranked = text.partition('<details class="rivals">')
    before, _, after = shown.partition("Also worth considering")
    names = re.compile(r'meter-name">(\w+)<')
    assert (names.findall(before), names.findall(after)) == (["sea"], ["sky"]) and "if it flies" in after
    assert names.findall(ranked) == ["sea", "sky"] and "All 2 answers, ranked" in ranked


def test_only_the_fine_tuned_panel_is_calibrated():
    shares, spec = {"sea": 0.9, "sky": 0.1}, scene_demo(temperature=2.0)
    assert said(spec, "fine-tuned", shares).meters[0].share == 0.75
    assert said(spec, "zero-shot", shares).meters[0].share == 0.9


def test_calibration_divides_logits_by_the_temperature():
    shares = calibrated({"sea": 0.9, "sky": 0.1}, 2.0)
    assert shares["sea"] == pytest.approx(0.75) and sum(shares.values()) == pytest.approx(1)
    assert calibrated({"sea": 0.9, "sky": 0.1}, 1.0) == pytest.approx({"sea": 0.9, "sky": 0.1})


def test_the_time_is_the_median_of_the_runs_with_the_same_prompt(lesson, ada, bob, ada_client):
    asked = []
    for user, ms in ((ada, 300.0), (bob, 20.0), (ada, 40.0)):
        asked.append(DEMO.start(lesson, user, TEXT))
        for run in asked[-1]:
            scene.answer_demo(run, {"sea": 0.8, "sky": 0.2}, ms=ms if run.label == "zero-shot" else 7.0)
        address = reverse("learn:demo_panel", args=["first", asked[0][0].uuid])
        if ms == 300.0:
            assert "300 ms" in (text := ada_client.get(address).content.decode()) and "one run" in text
    assert DEMO.panel(lesson, asked[0][0]).times == demo.Times(40.0, 3)
    assert DEMO.panel(lesson, asked[2][1]).times == demo.Times(7.0, 3)
    text = ada_client.get(address).content.decode()
    assert "40 ms" in text and "median of 3 runs here" in text
    services.start_run(
        ada, asked[0][0].version, {"kind": "prompt", "instructions": "Now."}, purpose="demo", label="zero-shot"
    )
    assert DEMO.panel(lesson, asked[0][0]).times == demo.Times(40.0, 3)


def test_the_exact_prompt_is_shown(lesson, runs):
    assert demo.prompt_of(runs[0]) == f"Thing: {TEXT}\nPlace:"
    assert demo.prompt_of(runs[1]).startswith("Sea or sky?\n\nThing: a gull over the bay\nPlace: sky\n\n")


def test_a_panel_asks_again_only_while_its_run_is_open(ada_client, lesson, runs):
    address = reverse("learn:demo_panel", args=["first", runs[0].uuid])
    assert "hx-trigger" in ada_client.get(address).content.decode()
    scene.answer_demo(runs[0], {"sea": 0.8, "sky": 0.2})
    text = ada_client.get(address).content.decode()
    assert "hx-trigger" not in text and "0.80" in text and "33" in text and "22 ms" in text


def test_results_of_others_are_not_found(bob_client, lesson, runs):
    result = reverse("learn:demo_result", args=["first", *[run.uuid for run in runs]])
    assert bob_client.get(result).status_code == 404
    assert bob_client.get(reverse("learn:demo_panel", args=["first", runs[0].uuid])).status_code == 404
