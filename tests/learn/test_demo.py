import pytest
from django.urls import reverse

from gradus.learn import demo
from gradus.submissions.models import Evaluation, Run
from tests.learn import scene

ADDRESS = "/lessons/first/demo/"
TEXT = "a heron over the reef"


@pytest.fixture
def lesson(db, tmp_path):
    return scene.scene_course(tmp_path / "scene").lessons.get()


@pytest.fixture
def runs(ada, lesson):
    return demo.start(lesson, ada, TEXT)


def panel(lesson, run, **probabilities):
    scene.answer_demo(run, probabilities)
    return demo.panel(lesson, run)


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
    assert text.count("hx-trigger") == 3 and "Not nautical advice." in text


@pytest.mark.parametrize(("text", "words"), [("  ", "Write what is wrong"), ("x" * 81, "80 are allowed")])
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
    assert found.answer == "sea or sky"
    assert [(m.label, m.share) for m in found.meters] == [("sea", 0.54), ("sky", 0.46)]
    assert (found.tokens, found.ms) == (33.0, 21.5)


def test_zero_shot_answers_where_one_is_ahead(lesson, runs):
    assert panel(lesson, runs[0], sea=0.3, sky=0.7).answer == "sky"


def test_few_shot_abstains_under_the_authors_confidence(lesson, runs):
    panel(lesson, runs[0], sea=0.5, sky=0.5)
    found = panel(lesson, runs[1], sea=0.55, sky=0.45)
    assert found.answer == "Not sure about the answer, need more context" and found.is_unsure


def test_fine_tuned_names_one_and_related_ones_with_the_authors_condition(lesson, runs):
    panel(lesson, runs[0], sea=0.5, sky=0.5)
    panel(lesson, runs[1], sea=0.5, sky=0.5)
    found = panel(lesson, runs[2], sea=0.9, sky=0.1)
    assert found.answer == "sea"
    assert [(m.label, round(m.share, 2), m.condition) for m in found.meters] == [
        ("sea", 0.9, ""),
        ("sky", 0.1, "if it flies"),
    ]


def test_calibration_divides_logits_by_the_measured_temperature():
    shares = demo.calibrated({"sea": 0.9, "sky": 0.1}, 2.0)
    assert shares["sea"] == pytest.approx(0.75) and sum(shares.values()) == pytest.approx(1)
    assert demo.calibrated({"sea": 0.9, "sky": 0.1}, 1.0) == pytest.approx({"sea": 0.9, "sky": 0.1})


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
