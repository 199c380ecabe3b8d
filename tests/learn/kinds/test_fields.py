"""The fields that the forms of all kinds share: their hints, and how numbers are read."""

from __future__ import annotations

import pytest
from django.template.loader import render_to_string

from gradus.learn.form_problems import Problem
from gradus.learn.kinds.fields import ChoiceField, Field, NumberField, TextField, read_numbers
from tests.markup import Markup

NUMBER = NumberField(name="beta", title="Beta", value="0.1", low="0.01", high="1", help="Small is bold.")
CHOICE = ChoiceField(name="r", title="Rank", value="8", choices=[("4", "4"), ("8", "8")], shows_name=True)
TEXT = TextField(name="rows", title="Rows", value="<b>", most=9, is_code=True, is_optional=True, data={"words": "#w"})


def drawn(field: Field, *problems: Problem) -> Markup:
    return Markup(render_to_string("learn/kinds/_field.html", {"field": field, "problems": problems}))


def test_each_field_names_its_title_its_limits_and_its_hint() -> None:
    number = drawn(NUMBER)
    assert '<label for="beta"> Beta </label>' in number and 'value="0.1"' in number
    assert '<span class="field-help" id="beta-help">From 0.01 to 1. Small is bold.</span>' in number
    choice = drawn(CHOICE)
    assert '<code class="muted">r</code>' in choice and "<option selected>8</option>" in choice
    text = drawn(TEXT)
    assert 'class="mono"' in text and 'maxlength="9"' in text and 'data-words="#w"' in text
    assert "(optional)" in text and "&lt;b&gt;" in text


@pytest.mark.parametrize("field", [NUMBER, CHOICE, TEXT])
def test_a_problem_stands_beside_its_field_and_marks_it(field: Field) -> None:
    assert "aria-invalid" not in drawn(field)
    wrong = drawn(field, Problem("x", "Write another one.", control=field.name))
    assert 'aria-invalid="true" autofocus' in wrong
    assert "Write another one." in wrong.split(f'id="{field.name}-problem"')[1]


def test_what_is_not_a_number_says_how_to_correct_it() -> None:
    texts = {"r": "", "beta": "", "top_k": "2.5", "min_score": "1_0", "overlap": " 0.5 "}
    numbers, problems = read_numbers(texts, whole=("r", "top_k"), listed=("r",), within="part.")
    assert numbers == {"overlap": 0.5}
    assert {item["field"]: item["message"] for item in problems} == {
        "part.r": "Choose a value.",
        "part.beta": "Write a number.",
        "part.top_k": "“2.5” is not a number: write one.",
        "part.min_score": "“1_0” is not a number: write one.",
    }
