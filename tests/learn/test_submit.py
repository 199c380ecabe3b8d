"""From the form to a submission or a run: what is kept, what is refused, and in which words."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from gradus.accounts.models import User
from gradus.learn.kinds.jsonl import json_lines
from gradus.submissions import services
from gradus.submissions.budgets import limits
from gradus.submissions.models import Run, Slot, Submission
from gradus.submissions.states import State
from tests import factories
from tests.markup import Markup, without_drawn

HTMX = {"HX-Request": "true"}
SUBMIT = "/challenges/sea-or-sky/submit"


def prompt_form(**changes):
    return {
        "kind": "prompt",
        "key": "key-1",
        "instructions": "Sea or sky?\r\nChoose one.",
        "example_input": ["a gull", ""],
        "example_output": ["sky", ""],
        "template": "Thing: {input}\r\nPlace: {output}",
        **changes,
    }


def lora_form(rows, **changes):
    knobs = {"r": "8", "lora_alpha": "16", "learning_rate": "0.001", "num_train_epochs": "2"}
    return {
        "kind": "tune",
        "key": "key-2",
        "instructions": "",
        "rows": rows,
        **knobs,
        "per_device_train_batch_size": "16",
        **changes,
    }


def rows_text(*pairs):
    return "\n".join(json.dumps({"input": one, "output": other}) for one, other in pairs)


def test_a_prompt_is_submitted_as_typed(ada, ada_client, course):
    response = ada_client.post(SUBMIT, prompt_form())
    submission = Submission.objects.get()
    assert response.status_code == 302 and response.url == reverse("learn:submission", args=[submission.uuid])
    assert submission.user == ada and submission.current.state == State.QUEUED
    assert submission.payload == {
        "kind": "prompt",
        "instructions": "Sea or sky?\nChoose one.",
        "examples": [{"input": "a gull", "output": "sky"}],
        "example": None,
        "label_words": {},
    }


def test_a_label_may_be_typed_in_any_case(ada_client, course):
    form = prompt_form(example_input=["a gull", "a boat"], example_output=["SKY", " Sea "])
    ada_client.post(SUBMIT, form)
    made = Submission.objects.get()
    assert [example["output"] for example in made.payload["examples"]] == ["sky", "sea"]


def test_the_newest_run_is_one_click_away(ada, ada_client, course):
    page = "/challenges/sea-or-sky/"
    assert "Show its results" not in ada_client.get(page).content.decode()
    made = services.start_run(ada, factories.challenge("sea-or-sky").version, factories.PROMPT)
    factories.grade(made)
    assert f'hx-get="/runs/{made.uuid}/fragment" hx-target="#run"' in ada_client.get(page).content.decode()


def test_words_for_labels_are_submitted_and_come_back(ada_client, course):
    ada_client.post(SUBMIT, prompt_form(label_word=["ocean", " "]))
    assert Submission.objects.get().payload["label_words"] == {"sea": "ocean"}
    assert 'value="ocean"' in ada_client.get("/challenges/sea-or-sky/").content.decode()
    refused = ada_client.post(SUBMIT, prompt_form(key="other", label_word=["sky", ""]))
    assert refused.status_code == 422 and "Two labels have the same word" in refused.content.decode()


def test_a_repeated_post_of_one_form_is_one_submission(ada_client, course):
    first, second = ada_client.post(SUBMIT, prompt_form()), ada_client.post(SUBMIT, prompt_form())
    assert first.url == second.url
    assert Submission.objects.count() == 1 and Slot.objects.of(limits.ATTEMPTS).count() == 1


def test_a_refused_form_keeps_everything_typed_and_names_each_problem(ada_client, course):
    form = prompt_form(example_input=["a gull", "a boat"], example_output=["sky", "Baker"])
    response = ada_client.post(SUBMIT, form)
    text = response.content.decode()
    assert response.status_code == 422 and not Submission.objects.exists()
    assert "Examples, line 2" in text and "not one of the labels sea, sky" in text
    for typed in ("Sea or sky?", "a gull", "a boat", "Baker"):
        assert typed in text


def test_over_quota_is_429_with_a_message_and_keeps_the_form(ada, ada_client, sea_or_sky):
    for _ in range(sea_or_sky.spec.limits.attempts_per_day):
        factories.grade(factories.submit(ada), 0.1)
    response = ada_client.post(SUBMIT, prompt_form())
    assert response.status_code == 429 and int(response["Retry-After"]) > 0
    text = response.content.decode()
    assert "attempts of today. New ones come at midnight" in text and "a gull" in text


def test_a_visitor_becomes_a_guest_with_the_first_submission(client, course):
    response = client.post(SUBMIT, prompt_form())
    guest = User.objects.get()
    assert guest.is_guest and Submission.objects.get().user == guest
    assert client.get(response.url).status_code == 200


def test_after_the_guest_trial_an_account_is_offered(guest, guest_client, course):
    for _ in range(3):
        factories.grade(factories.submit(guest), 0.1)
    response = guest_client.post(SUBMIT, prompt_form())
    assert response.status_code == 429 and Submission.objects.count() == 3
    assert "Create a free account" in response.content.decode()
    lesson = guest_client.get(reverse("learn:lesson", args=["first"])).content.decode()
    assert "Create a free account" in lesson


def test_lora_rows_are_read_in_every_shape(ada_client, course):
    chat = {"messages": [{"role": "user", "content": "a crab"}, {"role": "assistant", "content": "sea"}]}
    pair = {"prompt": "a cloud", "completion": " sky"}
    response = ada_client.post(SUBMIT, lora_form(json.dumps(chat) + "\n\n" + json.dumps(pair)))
    assert response.status_code == 302
    payload = Submission.objects.get().payload
    assert payload["rows"] == [{"input": "a crab", "output": "sea"}, {"input": "a cloud", "output": "sky"}]
    assert payload["hyperparameters"]["num_train_epochs"] == 2


def test_a_file_is_read_as_utf8_and_its_bad_lines_are_named(ada_client, course):
    data = b'{"input": "caf\xe9", "output": "sea"}\n{"input": "a crab"}\nnot json\n'
    upload = SimpleUploadedFile("rows.jsonl", data)
    response = ada_client.post(SUBMIT, lora_form("", rows_file=upload))
    text = response.content.decode()
    assert response.status_code == 422 and not Submission.objects.exists()
    for words in ("Training rows, line 1", "is not UTF-8", "Training rows, line 2", "Training rows, line 3"):
        assert words in text


def test_a_problem_of_a_row_names_the_line_of_the_file(ada_client, course):
    rows = rows_text(("a crab", "sea")) + "\n\n\n" + rows_text(("a cloud", "Baker"))
    text = ada_client.post(SUBMIT, lora_form(rows)).content.decode()
    assert "Training rows, line 4" in text


def test_free_text_says_who_grades_and_counts_words(ada_client, course):
    text = ada_client.get("/challenges/explain/").content.decode()
    for words in ("A person grades this answer", "No language model reads your answer", "Write between 5 and 60 words"):
        assert words in text


@pytest.mark.parametrize("answer", ["Too short.", "word " * 61])
def test_an_answer_outside_the_authors_words_is_refused_before_it_costs_an_attempt(ada_client, course, answer):
    response = ada_client.post("/challenges/explain/submit", {"kind": "free_text", "key": "k", "answer": answer})
    text = Markup(response.content.decode())
    assert response.status_code == 422 and f"has {len(answer.split())} words; write between 5 and 60" in text
    assert answer.strip() in text and '<span class="problem-where">Answer</span>' in text
    assert not Submission.objects.exists() and not Slot.objects.of(limits.ATTEMPTS).exists()


def test_a_kind_that_is_not_taken_falls_back_to_the_challenges_own(ada_client, course):
    ada_client.post(SUBMIT, prompt_form(kind="free_text"))
    assert Submission.objects.get().kind == "prompt"


def test_a_run_costs_no_attempt(ada, ada_client, course):
    response = ada_client.post("/challenges/sea-or-sky/run", prompt_form())
    run = Run.objects.get()
    assert response.url == reverse("learn:run", args=[run.uuid])
    assert run.user == ada and run.purpose == "trial" and not Slot.objects.of(limits.ATTEMPTS).exists()
    factories.grade(run)
    text = ada_client.get(response.url).content.decode()
    assert "0.75" in text and text.count("data-wrong") == 1 and text.count("data-right") == 3


def test_a_run_by_htmx_answers_with_the_result_only(ada_client, course):
    response = ada_client.post("/challenges/sea-or-sky/run", prompt_form(), headers=HTMX)
    text = response.content.decode()
    assert response.status_code == 200 and "data-events" in text and "<!doctype" not in text
    assert 'id="problems"' in text and 'hx-swap-oob="true"' in text


def test_the_form_starts_from_the_last_attempt_or_the_one_chosen(ada, ada_client, course):
    first = factories.submit(ada, payload={**factories.PROMPT, "instructions": "First words"})
    factories.submit(ada, payload={**factories.PROMPT, "instructions": "Second words"})
    page = "/challenges/sea-or-sky/"
    assert "Second words" in ada_client.get(page).content.decode()
    assert "First words" in ada_client.get(page, {"from": str(first.uuid)}).content.decode()
    assert "Second words" not in ada_client.get(page, {"track": "tune"}).content.decode()


def test_nobody_starts_from_somebody_elses_attempt(ada, bob_client, course):
    theirs = factories.submit(ada, payload={**factories.PROMPT, "instructions": "Ada's words"})
    text = bob_client.get("/challenges/sea-or-sky/", {"from": str(theirs.uuid)}).content.decode()
    assert "Ada" not in without_drawn(text)


def test_starter_rows_fill_the_form_and_read_back_as_the_same_rows(client, ticket):
    from gradus.learn.kinds.tune.page import train_rows

    text = client.get("/challenges/ticket/starter.jsonl").content
    assert [row.model_dump() for row in train_rows(text)] == ticket.version.train
    assert b'"output": {"priority"' in text
    page = client.get("/challenges/ticket/", {"rows": "starter", "track": "tune"}).content.decode()
    assert "&quot;priority&quot;" in page


def test_an_output_that_is_nested_deeply_is_shown_as_text():
    """JSON that no reader takes is a text like any other."""
    output = '{"a":' * 1000 + "{}" + "}" * 1000
    assert json.loads(json_lines([{"input": "x", "output": output}])) == {"input": "x", "output": output}


def test_dataset_check_reports_without_spending_anything(ada_client, course):
    rows = rows_text(("a crab", "sea"), ("A crab!", "sky"), ("a shell", "sea"))
    response = ada_client.post("/challenges/sea-or-sky/dataset-check", lora_form(rows), headers=HTMX)
    text = response.content.decode()
    assert response.status_code == 200 and "Rows 1, 2 have the same input" in text and "different outputs" in text
    assert "These rows can be submitted" in text
    assert not Submission.objects.exists() and not Run.objects.exists()


def test_dataset_check_without_htmx_shows_the_page_with_the_form(ada_client, course):
    response = ada_client.post("/challenges/sea-or-sky/dataset-check", lora_form(rows_text(("a crab", "Baker"))))
    text = response.content.decode()
    assert response.status_code == 200 and "a crab" in text and "Training rows, line 1" in text


def test_hints_are_shown_one_at_a_time_and_remembered(client, sea_or_sky):
    hints = sea_or_sky.spec.hints
    assert hints[0] not in client.get("/challenges/sea-or-sky/").content.decode()
    first = client.post("/challenges/sea-or-sky/hint", headers=HTMX).content.decode()
    assert hints[0] in first and hints[1] not in first
    for _ in range(4):
        client.post("/challenges/sea-or-sky/hint")
    text = client.get("/challenges/sea-or-sky/").content.decode()
    assert all(hint in text for hint in hints) and "3 of 3 shown" not in text


def test_a_form_of_a_session_that_has_ended_is_refused_and_kept(client, ada, ada_client, sea_or_sky):
    opened = ada_client.get("/challenges/sea-or-sky/").content.decode()
    assert f'name="learner" value="{ada.pk}"' in opened
    answer = client.post(SUBMIT, prompt_form(learner=str(ada.pk)))
    text = answer.content.decode()
    assert answer.status_code == 422 and "You are no longer signed in" in text and "Choose one." in text
    assert not Submission.objects.exists() and not User.objects.filter(is_guest=True).exists()
    assert ada_client.post(SUBMIT, prompt_form(learner=str(ada.pk))).status_code == 302
