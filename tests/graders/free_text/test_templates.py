"""Judge templates can be added, and have a digest that changes with every word."""

import pytest

from graders.free_text.judge import messages, templates
from graders.free_text.judge.messages import judge_item, version
from tests.graders.free_text.judges import GOOD, bundle_of
from workers.judge import template as judge_template
from workers.judge.contract import JudgeMisconfigured


def test_each_template_has_a_version_of_its_own() -> None:
    assert templates.DEFAULT in templates.names()
    versions = {version(name) for name in templates.names()}
    assert len(versions) == len(templates.names()) >= 2
    assert version("") == version(templates.DEFAULT)


@pytest.mark.parametrize("name", templates.names())
def test_a_template_says_what_every_judge_must_know(name: str) -> None:
    text = templates.instructions(name)
    assert all(word in text for word in ("cannot_tell", "must_not_claim", "addresses_grader", "confidence"))
    item = judge_item(bundle_of(), GOOD, 0, name)
    assert item.messages[0]["content"] == text
    assert item.template == version(name)


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("_TITLES", ("A", "B", "C", "D")),
        ("instructions", lambda name: "Be kind."),
        ("denial_instructions", lambda: "Deny everything."),
    ],
)
def test_each_digest_changes_with_the_texts_and_with_the_layout(
    monkeypatch: pytest.MonkeyPatch, name: str, changed: object
) -> None:
    before = version(), version("sceptic-1")
    monkeypatch.setattr(messages, name, changed)
    version.cache_clear()
    assert version() != before[0] and version("sceptic-1") != before[1]
    monkeypatch.undo()
    version.cache_clear()
    assert (version(), version("sceptic-1")) == before


def test_an_unknown_name_says_which_there_are() -> None:
    assert judge_template.chosen({}) == ""
    assert judge_template.chosen({"GRADUS_JUDGE_TEMPLATE": "sceptic-1"}) == "sceptic-1"
    with pytest.raises(JudgeMisconfigured, match="criteria-1, sceptic-1"):
        judge_template.chosen({"GRADUS_JUDGE_TEMPLATE": "../secret"})
