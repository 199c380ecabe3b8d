"""What workers beside the site need for judged answers: the judge with its budget, earlier answers, and lint."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models.functions import Now

from challenges.jobs import Job, Outcome
from challenges.kinds import registry as kinds
from graders.base import Judged, JudgeId
from graders.free_text.copies import LEARNER
from gradus.accounts.models import User
from gradus.courses import calibrations
from gradus.courses.models import ChallengeVersion, Lesson
from gradus.reviews.judge_store import Store
from gradus.submissions.models import Evaluation, Grader, Submission
from workers.embedding_store import EmbeddedOnce
from workers.execute import OnEvent, ShouldStop
from workers.judge import template as judge_template
from workers.judge.client import JudgeClient
from workers.judge.contract import JudgeMisconfigured
from workers.transport import gold_vectors
from workers.transport.linting import lint

# After an hour without a reply from the judge the built-in verifier grades provisionally, so that no learner waits
# forever.
JUDGE_PATIENCE = timedelta(minutes=60)


class BesideJudging:
    """Implements `workers.transport.site.Judging`."""

    def of(self, job: Job) -> dict[str, Any]:
        evaluation = evaluation_of(job)
        submission = evaluation.submission
        return {
            "calibrated": frozenset(JudgeId(*pair) for pair in calibrations.passed(evaluation.version)),
            "template": template_for(evaluation),
            "sources": copy_sources(submission, evaluation.version) if submission is not None else {},
        }

    def judge_for(self, job: Job, given: Any) -> Any:
        return judge_for(evaluation_of(job), given)

    def lint(self, job: Job, embedded: EmbeddedOnce, stop: ShouldStop) -> Outcome:
        return lint(evaluation_of(job).version, embedded, stop, embedded.worked)

    def warm(self, embedded: EmbeddedOnce, on_event: OnEvent, stop: ShouldStop) -> None:
        gold_vectors.warm(embedded, on_event, stop)


def evaluation_of(job: Job) -> Evaluation:
    rows = Evaluation.objects.select_related("submission__version", "run__version", "graded_version")
    return rows.get(pk=job.id)


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
    """At most `OTHERS_MAX` earlier answers of other learners, the newest first."""
    earlier = Submission.objects.filter(
        challenge=submission.challenge_id, kind__in=kinds.judged(), pk__lt=submission.pk
    )
    rows = earlier.exclude(user=submission.user_id).order_by("-pk").values_list("pk", "payload__answer")
    return {f"{LEARNER}{pk}": answer or "" for pk, answer in rows[:OTHERS_MAX]}
