"""A JSON row that has some of its fields right is partly right: on the page, in the API and in a comparison."""

import json
import re

import pytest
from django.urls import reverse

from gradus.learn.result import compare
from gradus.submissions.services import start_run
from tests import factories
from tests.markup import Markup

RIGHT, PARTLY, WRONG = {"priority": 1.0, "summary": 1.0}, {"priority": 1.0, "summary": 0.4}, None


def result_of(owner, *rows):
    """A result whose rows have these field scores, in order; None for an output that is no JSON."""
    found = []
    for sample, fields in zip(owner.version.samples, rows, strict=True):
        scores = fields or {"priority": 0.0, "summary": 0.0}
        score = sum(scores.values()) / 2
        found.append(
            {
                "id": sample.id,
                "output": json.dumps(sample.target) if fields else "no idea",
                "score": score,
                "correct": score == 1,
                "fields": scores,
                "valid": fields is not None,
                "why": "" if fields else "the output holds no complete JSON object",
            }
        )
    mean = sum(row["score"] for row in found) / len(found)
    public = {"score": mean, "metrics": {"json_fields": mean}, "rows": found}
    return {"public": public, "metrics": {}, "cost": {"prompt_tokens": 41.0, "ms": 12.5}, "marks": [], "training": {}}


@pytest.fixture
def run(ada, ticket):
    """Public rows: one right, three partly right, two wrong."""
    made = start_run(ada, ticket.version, factories.PROMPT)
    factories.grade(made, result=result_of(made, RIGHT, PARTLY, PARTLY, PARTLY, WRONG, WRONG))
    return made


def test_a_run_counts_right_partly_right_and_wrong_rows(ada_client, run):
    text = Markup(ada_client.get(reverse("learn:run", args=[run.uuid])).content.decode())
    assert "Field accuracy on 6 public samples: 1 right, 3 partly right, 2 wrong" in text
    assert [text.count(f"<li data-item data-{mark} ") for mark in ("right", "partly_right", "wrong")] == [1, 3, 2]
    assert '<dt>Score</dt><dd class="num">0.70</dd>' in text and 'aria-label="partly right"' in text
    chips = (("", "All", 6), ("right", "Right", 1), ("partly_right", "Partly right", 3), ("wrong", "Wrong", 2))
    for name, label, count in chips:
        assert f'data-only="{name}"' in text and f'>{label} <span class="num">{count}</span>' in text
    assert "<strong>Partly right</strong> means that a row earns some of its score" in text
    assert "json_fields" not in text and "(95 % interval)" in text


def test_a_row_names_the_fields_that_are_right_and_wrong(ada_client, run):
    text = Markup(ada_client.get(reverse("learn:run", args=[run.uuid])).content.decode())
    text = Markup(re.sub('<span lang="en">([^<]*)</span>', r"\1", text))
    assert "priority: right" in text and 'summary <span class="num">0.40</span>' in text and "summary: wrong" in text
    assert text.count("Valid JSON</span>") == 4 and text.count("Not valid JSON</span>") == 4
    for row in ('Valid JSON</th><td class="num">4 of 6', 'priority</th><td class="num">4 of 6'):
        assert row in text
    assert '1 of 6</td><td class="num">0.37' in text


def test_the_api_gives_marks_fields_and_validity(ada_client, run):
    stored = run.current.result["public"]["rows"]
    rows = ada_client.get(f"/api/v1/runs/{run.uuid}").json()["result"]["public"]["rows"]
    assert [row["mark"] for row in rows] == ["right", *["partly_right"] * 3, "wrong", "wrong"]
    assert [row["fields"] for row in rows] == [row["fields"] for row in stored]
    assert [row["valid"] for row in rows] == [True] * 4 + [False] * 2


def test_a_result_from_before_fields_were_kept_is_still_shown(ada_client, run):
    """Its rows have a score, which is enough to tell that one is partly right."""
    evaluation = run.current
    for row in evaluation.result["public"]["rows"]:
        del row["fields"], row["valid"]
    evaluation.save(update_fields=["result"])
    text = Markup(ada_client.get(reverse("learn:run", args=[run.uuid])).content.decode())
    assert "1 right, 3 partly right, 2 wrong" in text and "Field by field" not in text and "Not valid" not in text
    rows = ada_client.get(f"/api/v1/runs/{run.uuid}").json()["result"]["public"]["rows"]
    assert {(row["mark"], row["valid"]) for row in rows} == {("right", None), ("partly_right", None), ("wrong", None)}


def test_a_comparison_says_which_rows_became_better_and_worse(ada, ada_client, ticket):
    before, after = (factories.submit(ada, "ticket", factories.PROMPT) for _ in range(2))
    factories.grade(before, result=result_of(before, RIGHT, PARTLY, PARTLY, WRONG, WRONG, WRONG))
    factories.grade(after, result=result_of(after, RIGHT, RIGHT, WRONG, PARTLY, WRONG, WRONG))
    found = compare.compare(before, after)
    assert (found.improved, found.broken) == (2, 1)
    address = reverse("learn:compare", args=["ticket"]) + f"?a={before.uuid}&b={after.uuid}"
    text = Markup(ada_client.get(address).content.decode())
    assert "2 samples became better, 1 became worse" in text and "<li data-partly_right>" in text


def test_rows_of_labels_are_right_or_wrong(ada, ada_client, course):
    submission = factories.submit(ada)
    factories.grade(submission)
    text = Markup(ada_client.get(reverse("learn:submission", args=[submission.uuid])).content.decode())
    assert "3 right, 1 wrong" in text and "partly" not in text.lower()
