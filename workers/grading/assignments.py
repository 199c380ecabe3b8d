"""Builds the assignment of a grader and its judge from an evaluation row."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone

from challenges import payloads
from challenges.kinds import registry as kinds
from graders import registry
from graders.base import Assignment, Grading, Judged, JudgeId
from graders.chat import chat
from graders.free_text.copies import LEARNER
from graders.request_costs import measure_requests
from gradus.accounts.models import User
from gradus.courses import bundles, calibrations
from gradus.courses.models import ChallengeVersion, Lesson
from gradus.preferences.services import lot
from gradus.submissions import services
from gradus.submissions.models import Evaluation, Grader, Run, Submission
from gradus.submissions.services.payload import counter
from workers import status
from workers.grading import chats
from workers.grading.evaluations import is_measurement, is_proof, is_rerun, on_hidden_rows
from workers.judge import template as judge_template
from workers.judge.client import JudgeClient
from workers.judge.contract import JudgeMisconfigured
from workers.sandbox import adapter_files

# After an hour without a reply from the judge the built-in verifier grades provisionally, so that no learner waits
# forever.
JUDGE_PATIENCE = timedelta(minutes=60)


@contextmanager
def prepared(evaluation: Evaluation) -> Iterator[Assignment]:
    """Yields the assignment; an adapter lies in a temporary folder for as long as the context lasts.

    Raises:
        BundleMissing: private storage lacks the bundle or the adapter of the demo.
        Rejected: what a chat asks is not on this server any more.
    """
    bundle = bundles.load(evaluation.version)
    if evaluation.run is not None and evaluation.run.purpose == Run.Purpose.CHAT:
        with chats.prepared(evaluation.run, bundle) as assignment:
            yield assignment
        return
    owner = evaluation.submission or evaluation.run
    assert owner is not None
    if evaluation.run is not None and evaluation.run.purpose in (Run.Purpose.FINDING, Run.Purpose.PROOF):
        bundle = bundle.with_plain_metric()
    if is_proof(evaluation):
        bundle = bundle.with_seed(services.seed_of_proof(evaluation, bundle.seed))
    if is_rerun(evaluation):
        assert evaluation.run is not None
        # The attempt alone has the payload, so that nothing of it is left when its learner deletes the account.
        owner, seed = evaluation.run.rerun.submission, evaluation.run.rerun.seed
        bundle = bundle.with_seed(seed) if kinds.find(owner.kind).is_trained else bundle
    payload = payloads.parse(owner.payload)
    assignment = Assignment(
        bundle=bundle,
        payload=payload,
        hidden=on_hidden_rows(evaluation),
        inputs=tuple(evaluation.run.inputs) if evaluation.run else (),
        calibrated=frozenset(JudgeId(*pair) for pair in calibrations.passed(evaluation.version)),
        template=template_for(evaluation) if kinds.find(payload.kind).is_judged else "",
        whole=is_measurement(evaluation) or is_proof(evaluation),
        sources=_sources(evaluation) if kinds.find(payload.kind).is_judged else {},
        draw=_lot(owner),
    )
    if not (evaluation.run and evaluation.run.adapter):
        yield assignment
        return
    with adapter_files.folder() as folder:
        _write_adapter(evaluation.run.adapter, owner.version.challenge.lesson, folder)
        yield replace(assignment, adapter=str(folder))


def _lot(owner: Submission | Run) -> str:
    """By which a learner's own choices are held out; the same in runs and attempts. A baseline has none."""
    return lot(owner.user_id, owner.version.challenge_id) if owner.user_id else ""


def _sources(evaluation: Evaluation) -> dict[str, str]:
    submission = evaluation.submission
    return copy_sources(submission, evaluation.version) if submission is not None else {}


def _write_adapter(prefix: str, lesson: Lesson, folder: Path) -> None:
    for name in adapter_files.NAMES:
        with adapter_files.written(folder / name) as file:
            file.write(bundles.lesson_file(lesson, f"{prefix}/{name}"))


def grading(assignment: Assignment, evaluation: Evaluation) -> Grading:
    """Starts the grader of the assignment's kind, or a chat, which is not graded.

    The grader of a measurement has its public rows answered several times; see `graders.request_costs`.
    """
    if assignment.chat is not None:
        return chat(assignment)
    graded = registry.grade(assignment)
    if not is_measurement(evaluation):
        return graded
    bundle = assignment.bundle
    return measure_requests(graded, len(bundle.public), lambda: _quiet_since(evaluation), counter(bundle.challenge))


def template_for(evaluation: Evaluation) -> str:
    """The name of the judge's prompt template; the second grader of an appeal may use a different one."""
    if evaluation.grader == Grader.SECOND and settings.APPEAL_TEMPLATE:
        return judge_template.chosen({"GRADUS_JUDGE_TEMPLATE": settings.APPEAL_TEMPLATE})
    return judge_template.chosen()


def judge_for(evaluation: Evaluation, given: Any) -> Any:
    """The judge client for this evaluation, with the evaluation's call log and budget.

    The client is an absent judge for a guest's submission, and once the judge has not replied for `JUDGE_PATIENCE`. The
    second grader of an appeal may be a different model at the same endpoint.
    """
    from gradus.reviews.judge_store import Store

    store = Store(evaluation, Judged)
    if evaluation.submission is not None and _is_of_a_guest(evaluation.submission):
        return JudgeClient.absent(store, because="guest")
    if given is not None:
        return given
    if _has_waited_long(evaluation):
        return JudgeClient.absent(store)
    if evaluation.grader == Grader.SECOND and settings.APPEAL_MODEL:
        return priced(JudgeClient.from_environment(store, second_environment()), store)
    return priced(JudgeClient.from_environment(store), store)


def _is_of_a_guest(submission: Submission) -> bool:
    """Reads nothing else of the account, which a worker with few rights may not read."""
    return User.objects.filter(pk=submission.user_id, is_guest=True).exists()


def _has_waited_long(evaluation: Evaluation) -> bool:
    """By the database's clock, because a worker's may be wrong."""
    waited = Evaluation.objects.filter(pk=evaluation.pk, postponed_since__lt=Now() - JUDGE_PATIENCE)
    return evaluation.postponed_since is not None and waited.exists()


def second_environment() -> dict[str, str]:
    """The environment of an appeal's second grader: its model, and its prices if that is another model."""
    environment = {**os.environ, "GRADUS_JUDGE_MODEL": settings.APPEAL_MODEL}
    if os.environ.get("GRADUS_JUDGE_MODEL") != settings.APPEAL_MODEL:
        environment["GRADUS_JUDGE_PRICE_INPUT"] = os.environ.get("GRADUS_APPEAL_PRICE_INPUT", "")
        environment["GRADUS_JUDGE_PRICE_OUTPUT"] = os.environ.get("GRADUS_APPEAL_PRICE_OUTPUT", "")
    return environment


def priced(client: JudgeClient, store: Any) -> JudgeClient:
    """Returns the client, or an absent one where course or class have a budget in money and the prices are unknown.

    Raises:
        JudgeMisconfigured: the site has a budget in money, but the model's prices are unknown.
    """
    if (
        client.client is not None
        and not client.prices.are_known
        and any(limit is not None for limit in settings.JUDGE_MONEY.values())
    ):
        raise JudgeMisconfigured(
            f"There is a budget in money, but the prices of {client.model} are unknown. Set GRADUS_JUDGE_PRICE_INPUT "
            "and GRADUS_JUDGE_PRICE_OUTPUT (for the second model of appeals GRADUS_APPEAL_PRICE_INPUT and "
            "GRADUS_APPEAL_PRICE_OUTPUT), or remove the GRADUS_JUDGE_MONEY_ settings, and restart the workers."
        )
    if client.client is not None and not client.prices.are_known and store.limits_money():
        # Who set this budget cannot set prices, so the answer goes to a person.
        return JudgeClient.absent(store, because="budget")
    return client


# Only this many of the newest answers of other learners are compared; a copy of an older answer is not found.
OTHERS_MAX = 300


def copy_sources(submission: Submission, version: ChallengeVersion) -> dict[str, str]:
    """Texts by name; those of the challenge are as they stand in `version`.

    Other learners' answers to the challenge are those that came before this one. They are named by their submission's
    number, `learner:17`, never by who wrote them.
    """
    return {
        "lesson": submission.challenge.lesson.text,
        "faq": faq(submission.challenge.lesson),
        "solution": version.solution,
        "statement": version.statement,
        **other_answers(submission),
    }


def faq(lesson: Lesson) -> str:
    """The questions and answers of the lesson's FAQ as one text."""
    return "\n\n".join(f"{row['question']}\n{row['answer']}" for row in lesson.spec.get("faq", []))


def other_answers(submission: Submission) -> dict[str, str]:
    """At most `OTHERS_MAX` earlier answers of other learners, the newest first.

    A worker with few rights asks a function, which answers only about a submission whose evaluation the worker holds.
    """
    if settings.WORKER_KEY:
        with connection.cursor() as cursor:
            given: list[Any] = [submission.pk, [*kinds.judged()], OTHERS_MAX]
            cursor.execute("select id, answer from gradus_worker_other_answers(%s, %s, %s)", given)
            return {f"{LEARNER}{pk}": answer or "" for pk, answer in cursor.fetchall()}
    earlier = Submission.objects.filter(
        challenge=submission.challenge_id, kind__in=kinds.judged(), pk__lt=submission.pk
    )
    rows = earlier.exclude(user=submission.user_id).order_by("-pk").values_list("pk", "payload__answer")
    return {f"{LEARNER}{pk}": answer or "" for pk, answer in rows[:OTHERS_MAX]}


def _quiet_since(evaluation: Evaluation) -> Callable[[], bool]:
    """A function that says whether no other evaluation of this machine has run since this moment."""
    since = timezone.now()
    return lambda: not services.others_at_work(evaluation, status.machine(), since)
