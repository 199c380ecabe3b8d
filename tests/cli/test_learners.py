"""The learner's commands against a live site, over HTTP."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from django.db.models import F
from django.utils import timezone

from gradus.accounts.models import ApiToken, User
from gradus.accounts.token_rules import LEARNER, Content, LearnerData, Scope
from gradus.chats.models import ChatMessage
from gradus.courses.models import Challenge
from gradus.reviews.models import Appeal
from gradus.submissions import queue, services
from gradus.submissions.models import Run, Submission
from tests import factories
from tests.browser.driver import site
from tests.cli.conftest import Gradus
from tests.learn import scene
from tests.learn.costs import compared
from tests.reviews import cases

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("home")]


def test_login_keeps_a_token(gradus: Gradus, ada: User, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = gradus("login", "--email", ada.email, stdin=f"{factories.PASSWORD}\n")
    assert done.exit_code == 0, done.output
    file = home / "config" / "gradus" / "config.toml"
    assert file.stat().st_mode & 0o777 == 0o600
    assert ApiToken.objects.get().name == "gradus login"
    assert factories.PASSWORD not in done.output + file.read_text()
    monkeypatch.delenv("GRADUS_URL")
    assert gradus("submissions").exit_code == 0


def test_a_wrong_password_keeps_nothing(gradus: Gradus, ada: User, home: Path) -> None:
    done = gradus("login", "--email", ada.email, stdin="wrong\n")
    assert done.exit_code == 5
    assert "do not match" in done.output
    assert not (home / "config").exists()


def test_a_token_for_scripts(gradus: Gradus, ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    done = gradus("token", "create", "--email", ada.email, "--name", "ci", stdin=f"{factories.PASSWORD}\n")
    secret = done.stdout.strip().splitlines()[-1]
    token = ApiToken.objects.matching(secret).get()
    assert (token.name, token.scope, (token.expires_at - token.created_at).days) == ("ci", LEARNER, 90)


def test_a_token_for_a_reviewers_scripts(gradus: Gradus, grace: User, ada: User) -> None:
    asked = ("token", "create", "--days", "7", "--content", "viewer", "--learner-data", "editor", "--email")
    done = gradus(*asked, grace.email, stdin=f"{factories.PASSWORD}\n")
    token = ApiToken.objects.matching(done.stdout.strip().splitlines()[-1]).get()
    assert (token.scope, (token.expires_at - token.created_at).days) == (Scope(Content.VIEWER, LearnerData.EDITOR), 7)
    refused = gradus(*asked, ada.email, stdin=f"{factories.PASSWORD}\n")
    assert (refused.exit_code, "content:viewer and learner_data:editor" in refused.output) == (1, True)
    unknown = gradus("token", "create", "--content", "all", "--email", ada.email, stdin=f"{factories.PASSWORD}\n")
    assert (unknown.exit_code, "content" in unknown.output) == (1, True)


def test_an_ended_token_says_how_to_get_another(gradus: Gradus, as_ada: User) -> None:
    as_ada.api_tokens.update(created_at=F("expires_at") - timedelta(days=99), expires_at=timezone.now())
    done = gradus("submissions")
    assert done.exit_code == 5
    assert "This token expired on" in done.output and done.output.count("`gradus login`") == 1


def test_without_a_token_or_an_answer_of_the_site(
    gradus: Gradus, sea_or_sky: Challenge, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = gradus("submissions")
    assert (done.exit_code, "gradus login" in done.output) == (5, True)
    monkeypatch.setenv("GRADUS_URL", "http://127.0.0.1:9")
    done = gradus("challenges")
    assert (done.exit_code, "GRADUS_URL" in done.output) == (4, True)


def test_a_challenge_is_shown_by_its_name(gradus: Gradus, as_ada: User, sea_or_sky: Challenge) -> None:
    text = gradus("show", "sea-or-sky").output
    assert "What to do." in text and "10 of 10" in text and "0.60, 0.80" in text
    unknown = gradus("show", "none")
    assert (unknown.exit_code, unknown.stdout) == (1, "")
    assert gradus("run", "sea-or-sky").exit_code == 1 and not Run.objects.exists()


def test_submit_makes_an_attempt(gradus: Gradus, as_ada: User, sea_or_sky: Challenge, prompt_file: str) -> None:
    done = gradus("submit", "sea-or-sky", prompt_file, "--key", "k1")
    made = Submission.objects.get()
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[0] == str(made.uuid)
    assert (made.user, made.payload["instructions"], made.idempotency_key) == (as_ada, "Sea or sky?", "k1")
    assert "9 attempts left" in done.output
    gradus("submit", "sea-or-sky", prompt_file, "--key", "k1")
    assert Submission.objects.count() == 1


def test_training_rows_come_from_a_file(gradus: Gradus, as_ada: User, sea_or_sky: Challenge, home: Path) -> None:
    rows = home / "train.jsonl"
    rows.write_text('{"prompt": "a heron", "completion": "sky"}\n{"input": "an oyster", "output": "sea"}\n')
    knobs = home / "lora.json"
    knobs.write_text(json.dumps({"kind": "tune", "hyperparameters": {"r": 16}}))
    assert gradus("submit", "sea-or-sky", str(knobs), "--rows", str(rows)).exit_code == 0
    made = Submission.objects.get()
    assert [row["input"] for row in made.payload["rows"]] == ["a heron", "an oyster"]
    assert made.payload["hyperparameters"]["r"] == 16


def test_the_method_is_named_on_the_command_line(
    gradus: Gradus, as_ada: User, sea_or_sky: Challenge, home: Path
) -> None:
    rows = home / "train.jsonl"
    rows.write_text('{"input": "a heron", "output": "sky"}\n')
    assert gradus("run", "sea-or-sky", "--rows", str(rows), "--method", "lora").exit_code in (0, 1)
    refused = gradus("submit", "sea-or-sky", "--rows", str(rows), "--method", "full")
    assert refused.exit_code == 1 and "does not allow the method full" in refused.stderr
    rows.write_text('{"input": "a heron", "chosen": "sky", "rejected": "up in the sky"}\n')
    refused = gradus("submit", "sea-or-sky", "--rows", str(rows))
    assert refused.exit_code == 1 and "write the row as" in refused.stderr


def test_an_answer_is_a_text_file(gradus: Gradus, as_ada: User, explain: Challenge, home: Path) -> None:
    answer = home / "answer.md"
    answer.write_text(factories.FREE_TEXT["answer"])
    assert gradus("submit", "explain", str(answer)).exit_code == 0
    assert Submission.objects.get().payload == factories.FREE_TEXT


@pytest.mark.parametrize(
    ("words", "typed", "status"), [((), "y\n", 0), ((), "n\n", 1), ((), "", 1), (("--yes",), "", 0)]
)
def test_it_asks_before_an_earlier_answer_is_withdrawn(
    words: tuple[str, ...], typed: str, status: int, gradus: Gradus, as_ada: User, explain: Challenge, home: Path
) -> None:
    cases.waiting(as_ada)
    answer = home / "answer.md"
    answer.write_text(f"{factories.FREE_TEXT['answer']} And a look-up costs a search.")
    done = gradus("submit", "explain", str(answer), "--json", *words, stdin=typed)
    assert done.exit_code == status
    # It is said also where the learner has agreed before.
    assert "It is withdrawn if you hand in another answer" in done.stderr
    assert list(Submission.objects.values_list("withdraws_earlier", flat=True)) == [True, False][status:]
    if status == 0:
        # The runner prints what is typed before it.
        assert json.loads(done.stdout.strip().removeprefix(typed))["status"] == "queued"


def test_the_list_says_what_was_withdrawn(gradus: Gradus, as_ada: User, explain: Challenge, home: Path) -> None:
    earlier = cases.waiting(as_ada).submission
    services.withdraw_attempt(earlier, asked_judge=False)
    assert "withdrawn, you handed in a later attempt" in gradus("submissions").stdout


def test_problems_name_field_and_line(gradus: Gradus, as_ada: User, sea_or_sky: Challenge, home: Path) -> None:
    file = home / "bad.yaml"
    file.write_text(yaml.safe_dump({"kind": "prompt", "examples": [{"input": "a gull", "output": "air"}]}))
    done = gradus("submit", "sea-or-sky", str(file))
    assert done.exit_code == 1
    place = "examples: 1: The output is not one of the labels"
    assert [line for line in done.stderr.splitlines() if line.startswith(place)]
    assert not Submission.objects.exists()


def test_bad_rows_are_named_before_sending(gradus: Gradus, as_ada: User, ticket: Challenge, home: Path) -> None:
    rows = home / "train.jsonl"
    rows.write_text('{"input": "a", "output": "b"}\nnot json\n')
    done = gradus("submit", "ticket", "--rows", str(rows))
    assert done.exit_code == 1
    assert [line for line in done.stderr.splitlines() if line.startswith(f"{rows}:2: ")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- 1\n", "this is not a payload, which is a mapping with `kind`"),
        ("a: [", "payload.yaml:1: the bracket or brace that opens here is not closed"),
        ("kind: prompt\nkind: prompt\n", "payload.yaml:2: the key `kind` stands twice: keep one of them"),
        ("kind: &a prompt\nexample: *a\n", "payload.yaml:1: anchors and aliases are not taken: write the value out"),
        ("kind: prompt\nmin_score: .nan\n", "payload.yaml: a number is not finite"),
        (None, "No such file"),
    ],
)
def test_a_file_that_is_no_payload(
    gradus: Gradus, as_ada: User, sea_or_sky: Challenge, home: Path, text: str | None, said: str
) -> None:
    file = home / "payload.yaml"
    if text is not None:
        file.write_text(text)
    done = gradus("run", "sea-or-sky", str(file))
    assert (done.exit_code, said in done.output) == (1, True)


@pytest.mark.parametrize(("score", "word"), [(0.7, "passed"), (0.98, "gold")])
def test_a_score_is_in_my_challenges_my_submissions_and_logs(
    gradus: Gradus, as_ada: User, sea_or_sky: Challenge, score: float, word: str
) -> None:
    made = factories.submit(as_ada)
    factories.grade(made, score)
    (line,) = [line for line in gradus("challenges").output.splitlines() if line.startswith("sea-or-sky")]
    assert f" {word} " in line and f"{score:.2f}" in line
    (line,) = [line for line in gradus("submissions").output.splitlines() if line.startswith(str(made.uuid))]
    assert f"{score:.2f}" in line and f"{word}, computed by code" in line
    assert f"{word}, computed by code" in gradus("logs", str(made.uuid)).output


def test_logs_of_an_attempt_and_a_run_without_following(
    gradus: Gradus, as_ada: User, bob: User, sea_or_sky: Challenge
) -> None:
    made = factories.submit(as_ada)
    assert "waiting" in gradus("logs", str(made.uuid)).output
    factories.grade(made, 0.7)
    text = gradus("logs", str(made.uuid)).output
    assert "I saw a wave today" in text and "WRONG" in text
    assert "public samples 0.75; hidden samples 0.70 (version 1.0.0), passed, computed by code" in text
    assert sea_or_sky.version is not None
    run = services.start_run(as_ada, sea_or_sky.version, factories.PROMPT)
    factories.grade(run)
    assert "public samples 0.75" in gradus("logs", str(run.uuid)).output
    assert gradus("logs", str(factories.submit(bob).uuid)).exit_code == 1


def test_the_leaderboard(gradus: Gradus, as_ada: User, bob: User, sea_or_sky: Challenge) -> None:
    factories.grade(factories.submit(as_ada), 0.701)
    factories.grade(factories.submit(bob), 0.702)
    text = gradus("leaderboard", "sea-or-sky").output
    assert "enchantress (you)" in text and "builder" in text
    assert "Rank 1: 2 learners with 0.70" in text
    assert gradus("leaderboard", "sea-or-sky", "--track", "free_text").exit_code == 1


def test_an_appeal_reaches_a_person(gradus: Gradus, as_ada: User, explain: Challenge) -> None:
    submission = factories.submit(as_ada, "explain", factories.FREE_TEXT)
    factories.grade(submission, 0.5, result={"marks": cases.marks()})
    assert f"gradus appeal {submission.uuid}" in gradus("logs", str(submission.uuid)).output
    done = gradus("appeal", str(submission.uuid), "--reason", "I named the cause.")
    assert done.exit_code == 0, done.output
    made = Appeal.objects.get()
    assert (made.submission, made.text, made.stage) == (submission, "I named the cause.", "person")
    assert "Your appeal is with a person." in done.output
    assert "Your appeal is with a person." in gradus("logs", str(submission.uuid)).output


def test_an_appeal_that_cannot_be_says_why(
    gradus: Gradus, as_ada: User, bob: User, explain: Challenge, sea_or_sky: Challenge
) -> None:
    ungraded = factories.submit(as_ada, "explain", factories.FREE_TEXT)
    computed, foreign = factories.submit(as_ada), factories.submit(bob, "explain", factories.FREE_TEXT)
    factories.grade(computed, 0.7)
    said = {
        (str(ungraded.uuid), "Why?"): (1, "no grade to appeal against yet"),
        (str(computed.uuid), "Why?"): (1, "computed from fixed samples"),
        (str(foreign.uuid), "Why?"): (1, "belongs to somebody else"),
        (str(ungraded.uuid), "x" * 2001): (1, "2000"),
        (str(ungraded.uuid), "  "): (2, "what the grade overlooks"),
        ("no-uuid", "Why?"): (2, "SUBMISSION"),
    }
    for (identifier, reason), (status, words) in said.items():
        done = gradus("appeal", identifier, "--reason", reason)
        assert (done.exit_code, words in done.output) == (status, True), done.output
    assert gradus("appeal", str(ungraded.uuid)).exit_code == 2
    assert not Appeal.objects.exists()


def test_rows_of_json_answers_are_shown_field_by_field(gradus: Gradus, as_ada: User, ticket: Challenge) -> None:
    run = services.start_run(as_ada, ticket.version, factories.PROMPT)
    result = factories.result_for(run, wrong=0)
    low, high = result["public"]["rows"][:2]
    low |= {"score": 0.7, "correct": False, "fields": {"priority": 1.0, "summary": 0.4}, "valid": True}
    high |= {"score": 0.0, "correct": False, "fields": {"priority": 0.0, "summary": 0.0}, "valid": False}
    factories.grade(run, result=result)
    text = gradus("logs", str(run.uuid)).output
    for words in ("partly right 0.70", "valid JSON; priority right, summary 0.40", "not valid; priority wrong"):
        assert words in text
    assert "4 right, 1 partly right, 1 wrong." in text
    assert "Field accuracy" in gradus("show", "ticket").output


def test_costs_shows_what_each_method_costs_and_when_training_pays(
    gradus: Gradus, as_ada: User, course: object
) -> None:
    compared.compared(as_ada)
    shown = gradus("costs", "sea-or-sky", "--input", "1", "--cached", "0", "--output", "1", "--training", "3600")
    assert shown.exit_code == 0, shown.output
    lines = shown.output.splitlines()
    assert "3600 per hour of training" in lines[0]
    prompt = next(line for line in lines if "Few-shot" in line and "your best" in line)
    assert "13.0 ms" in prompt and "0.76" in prompt
    even = next(line for line in lines if "97,500 (95,000 to 100,000)" in line)
    assert "never" in even and "4,937 (3,620 to 6,154)" in even
    assert gradus("costs", "explain").exit_code == 1


def test_a_chat_shows_both_answers(
    gradus: Gradus, as_ada: User, sea_or_sky: Challenge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bell has a message answered as soon as it is sent."""
    attempt = factories.trained(as_ada)

    def answer(lane: str) -> None:
        factories.grade(Run.objects.get(purpose="chat"), None, result={"chat": factories.CHAT})

    monkeypatch.setattr(queue, "ring", answer)
    with site.running() as address:
        monkeypatch.setenv("GRADUS_URL", address)
        done = gradus("chat", str(attempt.uuid), "a heron", "--plain")
        refused = gradus("chat", str(attempt.uuid), "  ")
    assert done.exit_code == 0, done.output
    assert "Herons" in done.output and "sky, of course" in done.output
    assert ChatMessage.objects.get().style == "plain"
    assert refused.exit_code == 1 and "Write a text for the models to answer." in refused.output


# Each command with the option, with what it is given. A word in braces is filled in by the test.
JSON_CALLS = {
    "challenges": [],
    "show": ["sea-or-sky"],
    "run": ["sea-or-sky", "{prompt}"],
    "submissions": [],
    "logs": ["{graded}", "-f"],
    "chat": ["{trained}", "a heron"],
    "appeal": ["{answered}", "--reason", "I named the cause."],
    "leaderboard": ["sea-or-sky"],
    "costs": ["sea-or-sky"],
    "submit": ["sea-or-sky", "{prompt}"],
    "lessons": [],
    "lesson show": ["first"],
    "advise": ["first", "--answer", "changes=weekly"],
    "questions": ["first"],
    "findings": ["first"],
    "history": ["sea-or-sky"],
    "own-runs": ["explain"],
    "compare": ["sea-or-sky", "{graded}", "{trained}"],
    "notices": [],
    "reports": [],
}


def test_json_stands_alone_on_standard_output(
    gradus: Gradus, as_ada: User, prompt_file: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bell has a run answered as soon as it is sent."""
    scene.scene_course(home / "scene")
    compared.compared(as_ada)
    answered = factories.submit(as_ada, "explain", factories.FREE_TEXT)
    factories.grade(answered, 0.5, result={"marks": cases.marks()})
    graded, trained = factories.submit(as_ada), factories.trained(as_ada)
    factories.grade(graded, 0.7)
    words = {"answered": answered.uuid, "graded": graded.uuid, "trained": trained.uuid, "prompt": prompt_file}

    def answer(lane: str) -> None:
        for run in (one for one in Run.objects.all() if one.current.is_open):
            chat = {"result": {"chat": factories.CHAT}} if run.purpose == "chat" else {}
            factories.grade(run, None, **chat)

    monkeypatch.setattr(queue, "ring", answer)
    with site.running() as address:
        monkeypatch.setenv("GRADUS_URL", address)
        for name, given in JSON_CALLS.items():
            done = gradus(*name.split(), *(word.format(**words) for word in given), "--json")
            assert done.exit_code == 0, (name, done.output)
            assert isinstance(json.loads(done.stdout), dict | list), name
        for name, given in JSON_CALLS.items():
            if given and name not in ("run", "submit"):
                refused = gradus(
                    *name.split(), *([str(as_ada.pk)] if "{" not in given[0] else [str(answered.pk)]), "--json"
                )
                assert (refused.exit_code > 0, refused.stdout) == (True, ""), name


def test_a_password_that_is_piped_in_warns_of_nothing(ada: User, home: Path) -> None:
    """In a process without a terminal, where Python would warn that the password may be seen."""
    words = (sys.executable, "-c", "from gradus.cli.main import main; main()", "login", "--email", ada.email)
    done = subprocess.run(
        words, input=f"{factories.PASSWORD}\n", capture_output=True, text=True, start_new_session=True
    )
    assert done.returncode == 0 and "GetPassWarning" not in done.stderr, done.stderr
