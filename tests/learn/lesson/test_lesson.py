import re
from dataclasses import replace

import pytest
from django.urls import reverse

from gradus.courses.services import publish
from gradus.learn.costs.approaches import approaches_of
from gradus.learn.lesson.stated_numbers import lines, written
from gradus.submissions.models import Standing
from tests import factories
from tests.learn import scene


@pytest.fixture
def lesson(db, tmp_path):
    return scene.scene_course(tmp_path / "scene").lessons.get()


def page(client) -> str:
    return client.get(reverse("learn:lesson", args=["first"])).content.decode()


def test_features_stand_where_the_author_put_them(client, lesson):
    text = page(client)
    places = [text.index(mark) for mark in ('id="figures"', 'id="demo"', "Three approaches to", 'id="advisor"')]
    assert places == sorted(places)
    assert "alert(1)" in text and "<script>alert" not in text
    assert '<span class="math inline">x_1</span>' in text


def test_features_without_a_mark_follow_the_text(client, lesson):
    lesson.text = "Only text."
    lesson.save()
    text = page(client)
    assert all(mark in text for mark in ('id="figures"', 'id="demo"', 'id="advisor"'))


def test_contents_questions_and_challenges_are_listed(client, lesson):
    text = page(client)
    assert '<a href="#what-it-is" lang="en">What it is</a>' in text
    assert "<summary>Why so?</summary>" in text and "Because <em>so</em>." in text
    assert "3 challenges for this lesson" in text and "AI-verified" not in text
    assert "Create a free account" not in text


SVG = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><defs><marker id="tip"><path d="M0 0"/></marker></defs>'
    b'<path class="stroke-accent" d="M0 0H9" marker-end="url(#tip)"/></svg>'
)


def test_illustrations_are_drawn_into_the_page_with_a_name_a_caption_and_ids_of_their_own(client, db, tmp_path):
    bundle = scene.scene_bundle(tmp_path)
    text = 'One.\n\n![A "line"](assets/line.svg "It goes right.")\n\n::: fold More\n![Again](assets/line.svg)\n:::\n'
    lesson = replace(bundle.lessons[0], text=text, files={**bundle.lessons[0].files, "assets/line.svg": SVG})
    publish(replace(bundle, lessons=(lesson,), digest=""))
    shown = page(client)
    assert shown.count('<figure class="illustration">') == 2
    assert '<svg role="img" aria-label="A &quot;line&quot;" viewBox="0 0 9 9">' in shown
    assert "<figcaption>It goes right.</figcaption>" in shown
    ids = re.findall(r'<marker id="([^"]+)"', shown)
    assert len(set(ids)) == 2 and re.findall(r"marker-end=\"url\(#([^)]+)\)", shown) == ids


def test_an_illustration_without_its_file_is_its_words(client, lesson):
    lesson.text = "![What it shows](assets/gone.svg)\n"
    lesson.save()
    assert "<p>What it shows</p>" in page(client) and '<figure class="illustration' not in page(client)


def test_numbers_stand_beside_what_was_measured(client, lesson):
    small, quick, rule = lines(lesson)
    assert (small.value, small.holds) == ("1.8 %", True)
    assert (quick.value, quick.holds) == ("4 min", False)
    assert rule.is_rule_of_thumb and rule.measured is None
    text = page(client)
    assert "1.8 %" in text and "does not hold here" in text and "a rule of thumb" in text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0181, "share", "1.8 %"),
        (0.62, "share", "62 %"),
        (4.9, "MB", "4.9 MB"),
        (0.7, "F1", "0.70 F1"),
        (0.72, "score", "0.72"),
    ],
)
def test_numbers_are_written_with_their_unit(value, unit, text):
    assert written(value, unit) == text


def test_the_board_sets_floored_scores_beside_tokens_and_time(ada, lesson):
    challenge = factories.challenge("sea-or-sky")
    scene.with_baselines(challenge.version)
    factories.grade(factories.submit(ada), 0.77)
    assert Standing.objects.get().shown == 0.76
    found = approaches_of(factories.challenge("sea-or-sky"), ada)
    assert [(e.name, e.approach, e.score, e.mine) for e in found.entries] == [
        ("zero shot", "zero-shot", 0.4, False),
        ("good", "few-shot", 0.7, False),
        ("your best (Few-shot)", "few-shot", 0.76, True),
        ("lora", "lora", 0.9, False),
    ]
    assert [point["own"] for point in found.chart["points"]] == [False, False, True, False]


def test_one_track_has_no_board(client, lesson):
    assert approaches_of(factories.challenge("explain"), None) is None
