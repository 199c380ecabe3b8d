import pytest
from django.urls import reverse

from challenges.lesson.spec import Advisor
from gradus.learn.lesson.advisor import advise, known
from tests.learn import scene
from tests.markup import Markup

SPEC = Advisor.model_validate(scene.ADVISOR)


def ids(approaches):
    return [approach.id for approach in approaches]


def test_weights_add_up():
    advice = advise(SPEC, {"changes": "weekly", "rows": "many"})
    assert {s.approach.id: s.score for s in advice.scores} == {"prompting": 1, "rag": 5, "lora": 6}
    assert ids(advice.recommended) == ["lora", "rag"]
    assert [(r.text, r.weight) for r in advice.reasons] == [("Rows enough.", 6), ("Facts move.", 5)]
    assert ids(advice.cheaper) == ["prompting"]
    assert advice.first_step == "Train."


def test_an_excluded_approach_is_never_recommended():
    advice = advise(SPEC, {"changes": "never", "rows": "few"})
    assert ids(advice.recommended) == ["prompting"]
    assert [(r.approach, r.text) for r in advice.ruled_out] == [("Retrieval", "Never"), ("LoRA", "Too few rows.")]


def test_what_is_too_far_behind_or_does_not_combine_stays_out():
    assert ids(advise(SPEC, {"changes": "weekly", "rows": "few"}).recommended) == ["rag"]


def test_flips_name_each_single_answer_that_changes_the_recommendation():
    advice = advise(SPEC, {"changes": "weekly", "rows": "few"})
    assert [(f.question, f.choice, f.instead_of, ids(f.leads_to)) for f in advice.flips] == [
        ("How often does it change?", "Never", "Weekly", ["prompting"]),
        ("How many rows?", "Many", "Few", ["lora", "rag"]),
    ]


def test_unknown_answers_are_left_out():
    assert known(SPEC, {"changes": "hourly", "rows": "few", "x": "y"}) == {"rows": "few"}


@pytest.fixture
def address(db, tmp_path):
    scene.scene_course(tmp_path / "scene")
    return reverse("learn:advisor", args=["first"])


def test_questions_come_one_at_a_time_and_back_is_possible(client, address):
    first = Markup(client.get(address).content.decode())
    assert "How often does it change?" in first and "How many rows?" not in first
    second = Markup(client.get(address, {"changes": "weekly"}).content.decode())
    assert "How many rows?" in second and 'name="changes" value="weekly"' in second
    assert "changes=weekly&amp;at=changes" in second
    back = Markup(client.get(address, {"changes": "weekly", "at": "changes"}).content.decode())
    assert 'value="weekly" required checked' in back


def test_the_last_answer_shows_the_advice(client, address):
    text = Markup(client.get(address, {"changes": "weekly", "rows": "many"}).content.decode())
    for words in (
        '<span lang="en">LoRA</span> and <span lang="en">Retrieval</span>',
        "Rows enough.",
        "What would change the answer",
        "exhausted the cheaper",
        "Train.",
    ):
        assert words in text
    assert text.startswith("<!doctype html>")


def test_htmx_gets_the_step_only(client, address):
    text = Markup(client.get(address, {"changes": "weekly"}, headers={"HX-Request": "true"}).content.decode())
    assert text.strip().startswith('<section class="card-plain" id="advisor"')


def test_a_lesson_without_advisor_has_no_such_page(client, course):
    assert client.get(reverse("learn:advisor", args=["first"])).status_code == 404


def test_what_is_ruled_out_or_speaks_against_itself_is_not_to_be_tried_first():
    answers = {"changes": "never", "rows": "many"}
    assert [r.approach for r in advise(SPEC, answers).ruled_out] == ["Retrieval"]
    assert ids(advise(SPEC, answers).cheaper) == ["prompting"]
    dear = SPEC.model_copy(update={"approaches": tuple(a.model_copy(update={"start": -1.0}) for a in SPEC.approaches)})
    assert ids(advise(dear, answers).recommended) == ["lora"]
    assert ids(advise(dear, answers).cheaper) == []
