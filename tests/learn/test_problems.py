"""A refused run or attempt says what is wrong beside the field that it is about."""

import json
import re

import pytest

from gradus.learn.form_problems import FormFields, of_refusal
from gradus.submissions.models import Run, Submission
from gradus.submissions.services import Refused
from tests.markup import Markup

HTMX = {"HX-Request": "true"}
PROMPT = {"kind": "prompt", "key": "k", "instructions": "", "template": "Text: {input}\nPlace: {output}"}
LORA = {
    "kind": "tune",
    "key": "k",
    "rows": '{"input": "a crab", "output": "sea"}',
    "r": "8",
    "lora_alpha": "16",
    "learning_rate": "0.001",
    "num_train_epochs": "2",
    "per_device_train_batch_size": "8",
}

CASES = [
    ("sea-or-sky", {**PROMPT, "template": "no slots"}, "template", "must contain {input} exactly once"),
    ("sea-or-sky", {**PROMPT, "instructions": "x" * 2001}, "instructions", "Shorten them"),
    (
        "sea-or-sky",
        {**PROMPT, "example_input": ["", "a crab", "a gull"], "example_output": ["", "sea", "Baker"]},
        "eo-2",
        "is not one of the labels",
    ),
    ("sea-or-sky", {**PROMPT, "example_input": ["a crab"], "example_output": [""]}, "eo-1", "This text is empty"),
    ("sea-or-sky", {**PROMPT, "label_word": ["", "w" * 41]}, "lw-2", "must have 1 to 40 characters"),
    ("sea-or-sky", {**LORA, "rows": "not json"}, "rows", "Line 1: "),
    ("sea-or-sky", {**LORA, "learning_rate": "fast"}, "learning_rate", "“fast” is not a number"),
    ("sea-or-sky", {**LORA, "r": "32"}, "r", "The value must be one of"),
    ("sea-or-sky", {**LORA, "r": "-1"}, "r", "The value must be one of"),
    ("sea-or-sky", {**LORA, "learning_rate": "5"}, "learning_rate", "The value must be between"),
    ("sea-or-sky", {**LORA, "num_train_epochs": "99"}, "num_train_epochs", "The value must be between"),
    ("sea-or-sky", {**LORA, "num_train_epochs": ""}, "num_train_epochs", "Choose a value"),
    ("sea-or-sky", {**LORA, "learning_rate": "nan"}, "learning_rate", "“nan” is not a number"),
    ("explain", {"kind": "free_text", "key": "k", "answer": "Too short."}, "answer", "write between 5 and 60"),
]


def message(text: str, control: str) -> str:
    found = re.search(rf'<div class="field-error" id="{control}-problem"[^>]*>(.*?)</div></div>|$', Markup(text))
    return (found and found.group(1)) or ""


@pytest.mark.parametrize(("slug", "form", "control", "words"), CASES)
@pytest.mark.parametrize("action", ["submit", "run"])
def test_without_scripts_the_page_shows_the_message_at_the_field(
    ada_client, course, action, slug, form, control, words
):
    response = ada_client.post(f"/challenges/{slug}/{action}", form)
    text = Markup(response.content.decode())
    assert response.status_code == 422 and words in message(text, control)
    (field,) = re.findall(rf'<(?:textarea|input|select) id="{control}"[^>]*>', text)
    assert 'aria-invalid="true" autofocus' in field
    described = re.search('aria-describedby="([^"]*)"', field)
    assert described and f"{control}-problem" in described.group(1).split()
    assert text.count('aria-invalid="true"') == 1
    assert not Submission.objects.exists() and not Run.objects.exists()


@pytest.mark.parametrize(("slug", "form", "control", "words"), CASES)
def test_with_htmx_the_answer_holds_the_message_for_the_field(ada_client, course, slug, form, control, words):
    response = ada_client.post(f"/challenges/{slug}/run", form, headers=HTMX)
    text = Markup(response.content.decode())
    assert response.status_code == 422 and response["HX-Retarget"] == "#problems"
    assert words in message(text, control) and f'id="{control}-problem" hx-swap-oob="true"' in text
    assert "This is the result of an earlier run" in text
    assert not Run.objects.exists()


def test_a_page_without_problems_has_no_invalid_field(client, course):
    for slug in ("sea-or-sky", "explain"):
        text = Markup(client.get(f"/challenges/{slug}/").content.decode())
        assert "aria-invalid" not in text and "autofocus" not in text


def test_a_refusal_about_no_field_takes_the_focus_itself(ada_client, course):
    response = ada_client.post("/challenges/sea-or-sky/submit", {"key": "k"})
    text = Markup(response.content.decode())
    assert response.status_code == 422 and '<div id="problems" tabindex="-1" autofocus>' in text
    assert "did not arrive completely" in text and "aria-invalid" not in text


def test_many_bad_lines_are_cut_short_at_the_field_and_listed_in_full(ada_client, course):
    rows = "\n".join(json.dumps({"input": f"thing {n}", "output": "Baker"}) for n in range(7))
    text = Markup(ada_client.post("/challenges/sea-or-sky/submit", {**LORA, "rows": rows}).content.decode())
    assert message(text, "rows").count("Line ") == 3 and "4 more problems are listed above the buttons" in text
    assert text.count('<span class="problem-where">Training rows, line') == 7


def test_an_appeal_that_is_refused_is_marked_at_its_field(ada_client, ada, course):
    from tests import factories

    submission = factories.submit(ada, "explain", factories.FREE_TEXT)
    factories.grade(submission, 0.65, provisional=True)
    text = Markup(ada_client.post(f"/submissions/{submission.uuid}/appeal", {"text": "x" * 2001}).content.decode())
    assert "Shorten it" in message(text, "appeal-text") and 'aria-invalid="true"' in text


def test_what_is_about_no_field_of_the_form_has_no_control():
    refusal = Refused("busy", "Several at once.")
    assert [(p.message, p.control) for p in of_refusal(refusal, FormFields())] == [("Several at once.", "")]
    wrong_kind = Refused("x", "x", problems=[{"field": "kind", "message": "This challenge does not accept the kind."}])
    assert of_refusal(wrong_kind, FormFields())[0].control == ""
