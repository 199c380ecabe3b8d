"""Challenges: their content, hints, documents and solution, and a check of training rows."""

from dataclasses import asdict
from typing import Any, Literal

from django.http import Http404
from ninja import Router, Schema
from pydantic import ConfigDict, Field, RootModel

from challenges import dataset, metrics
from challenges.kinds import registry as kinds
from challenges.kinds.rag_keys import RagKeys
from challenges.kinds.tune import KIND as TUNE
from challenges.kinds.tune import TunePayload
from challenges.models.catalogue import MODELS
from challenges.rows import Required
from challenges.spec import dump
from gradus.accounts.models import User
from gradus.api.auth import OPTIONAL, Request, anyone, caller, caller_or_none, someone
from gradus.api.problems import FieldProblem
from gradus.api.results import TAKES, Track
from gradus.courses.models import Challenge
from gradus.learn.access import decision_of, shown_challenge
from gradus.learn.kinds.rag.views import keys_of
from gradus.learn.path.steps import has_passed
from gradus.reviews.who_grades import guest_note, who_grades
from gradus.submissions import durations, services
from gradus.submissions.budgets import slots
from gradus.submissions.budgets.limits import Use
from gradus.submissions.models import Standing
from gradus.submissions.services import Refused
from gradus.submissions.services.payload import counter


class SampleOut(Schema):
    """A public sample."""

    id: str
    input: str
    target: str | dict[str, str] | Required | list[str] = Field(description="Of several texts each is right")
    documents: list[str] = Field([], description="The ids of the documents that hold the answer")


class DocumentOut(Schema):
    """A document in which answers are looked up."""

    id: str
    title: str
    text: str


class DocumentsOut(Schema):
    """The documents of a challenge, and those that replace or join them half-way through the hidden samples."""

    documents: list[DocumentOut] = Field(validation_alias="corpus")
    updates: list[DocumentOut]


class BaseModelOut(Schema):
    """A base model, and which weights are meant. Scores and adapters belong to exactly these."""

    name: str
    title: str
    licence: str
    parameters: int
    context: int = Field(description="In tokens")
    source: str | None = Field(
        None, description="The package, or the hub's name with the revision; nothing for a checkpoint of the site's own"
    )
    digest: str | None = Field(None, description="The SHA-256 of the package or of the checkpoint's file")
    checkpoint: str = Field(description="The identity of the weights, as receipts and findings name it")
    precision: str | None = Field(
        None, description="How finely the weights are stored, such as Q4_1, which is 4-bit values"
    )


class ChallengeOut(Schema):
    id: str
    course: str
    lesson: str
    version: str
    verified: bool = Field(description="Whether this server has checked this version and run its baselines")
    kind: Track
    tracks: list[Track]
    title: str
    summary: str
    minutes: int
    statement: str = Field(description="CommonMark")
    model: str | None = None
    base_model: BaseModelOut | None = Field(None, description="What this site knows about the model")
    answer: dict[str, Any] | None = None
    prompt: dict[str, Any]
    metric: str
    metric_title: str = Field(description="What people call the metric")
    orders: int = Field(1, description="In how many orders examples are tried; the lowest value of the metric counts")
    token_budget: dict[str, int] | None = Field(
        None,
        description="The score is the metric times a factor: 1 up to `free` tokens of instructions and examples, 0 "
        "from `zero` on, and evenly less in between. The words of a row template of one's own count once as well",
    )
    public_metrics: list[str]
    pass_: float = Field(alias="pass")
    gold: float | None = None
    track_gold: dict[str, float] = Field({}, description="Gold marks of other tracks, if they differ from `gold`")
    limits: dict[str, int]
    feedback: dict[str, Any]
    samples: list[SampleOut]
    train: list[dict[str, Any]] = Field(description="Starter rows for training, if the author gives some")
    unavailable: dict[str, dict[str, str]] = Field(
        {}, description="By track, the training methods that no worker can carry out now, each with the reason"
    )
    details: dict[str, dict[str, Any]] = Field(
        description="What a track asks for beside the keys above, by the track's name: the limits and hyperparameters "
        "of a training run, or the question, the length and the criteria of an answer in free text"
    )
    graded_by: Literal["rows", "ai", "person"] = Field(
        description="rows: code computes the score from rows or choices that stay hidden; ai: a judge that has passed "
        "the author's gate on this question; person: a person decides, and grades are provisional until then"
    )
    attempts_left: int
    guest_note: str | None = Field(None, description="How a free-text answer without an account is graded")
    hints_total: int
    hints: list[str] = Field(description="The hints that the caller has taken")
    best: dict[str, float] = Field(description="The caller's best shown score by track, on this version")

    model_config = ConfigDict(populate_by_name=True)


class SolutionOut(Schema):
    solution: str = Field(description="CommonMark")


class TrainingRows(RootModel[TunePayload]):
    """A `tune` payload."""


class DatasetBin(Schema):
    """How many rows have at least `low` and at most `high` tokens."""

    low: int
    high: int
    rows: int


class PreferencesOut(Schema):
    """Words are means; `by_length` is `shorter` or `longer` where the chosen answer of every row is so."""

    held_out: int
    chosen_words: float
    rejected_words: float
    by_length: Literal["", "shorter", "longer"]


class DatasetOut(Schema):
    """What is in a LoRA payload's rows, and what training on them costs; `problems` would refuse a submit."""

    rows: int
    labels: dict[str, int]
    balance: float | None = None
    duplicates: list[list[int]]
    conflicts: list[list[int]]
    histogram: list[DatasetBin]
    tokens_per_row: float
    longest_row: int
    total_tokens: int
    tokens_max: int
    seconds: float = Field(description="How long an attempt takes with them, as `takes` says it; 0 if unknown")
    takes: str = Field("", description=TAKES)
    problems: list[FieldProblem]
    preferences: PreferencesOut | None = Field(None, description="Where rows are preferences")


def challenge_out(challenge: Challenge, user: User | None, hints: list[str], of_class: int) -> ChallengeOut:
    spec, version = challenge.spec, challenge.version
    assert version is not None
    values = dump(spec)
    return ChallengeOut.model_validate(
        {
            **{key: values[key] for key in ("title", "summary", "minutes", "model", "answer", "prompt")},
            **{key: values[key] for key in ("kind", "public_metrics", "pass", "gold", "limits", "feedback")},
            "base_model": _base_model(spec.model),
            "track_gold": values.get("track_gold", {}),
            "id": challenge.slug,
            "course": challenge.lesson.course.slug,
            "lesson": challenge.lesson.slug,
            "version": version.version,
            "verified": version.is_verified,
            "tracks": list(spec.tracks),
            "statement": version.statement,
            "metric": spec.metric.name,
            "metric_title": metrics.in_words(spec.metric),
            "orders": spec.metric.orders,
            "token_budget": dump(spec.metric.tokens) if spec.metric.tokens else None,
            "samples": version.samples,
            "train": version.train,
            "details": {name: kinds.find(name).shown_keys(spec) for name in spec.tracks},
            "unavailable": {name: lacking for name in spec.tracks if (lacking := services.unavailable(spec, name))},
            "graded_by": who_grades(challenge, user).by,
            "attempts_left": slots.attempts_left(Use(user=user, challenge=challenge, of_class=of_class or None)),
            "guest_note": guest_note(user, challenge.kind) or None,
            "hints_total": len(spec.hints),
            "hints": hints,
            "best": _best(user, challenge),
        }
    )


def _base_model(name: str | None) -> dict[str, Any] | None:
    model = MODELS.get(name or "")
    if model is None:
        return None
    keys = ("name", "title", "licence", "parameters", "context", "source", "digest", "checkpoint", "precision")
    return {key: getattr(model, key) or None for key in keys}


def _best(user: User | None, challenge: Challenge) -> dict[str, float]:
    if user is None:
        return {}
    # In ascending order, so that of several seasons the best one stays.
    own = Standing.objects.of(user).filter(version=challenge.version).order_by("shown")
    return dict(own.values_list("track", "shown"))


router = Router(tags=["challenges"], auth=someone)


@router.get("/challenges/{slug:id}", response=ChallengeOut, by_alias=True, auth=anyone, openapi_extra=OPTIONAL)
def challenge(request: Request, id: str) -> ChallengeOut:
    """Returns the statement, public samples, limits, attempts left today, and the hints taken."""
    found, user = shown_challenge(request, id), caller_or_none(request)
    return challenge_out(found, user, services.hints_taken(user, found), decision_of(request, found).of_class)


@router.post("/challenges/{slug:id}/hints", response=ChallengeOut, by_alias=True)
def take_hint(request: Request, id: str) -> ChallengeOut:
    """Reveals the next hint. It costs no attempt."""
    found, user = shown_challenge(request, id), caller(request)
    services.take_hint(user, found)
    return challenge_out(found, user, services.hints_taken(user, found), decision_of(request, found).of_class)


@router.get("/challenges/{slug:id}/solution", response=SolutionOut)
def solution(request: Request, id: str) -> SolutionOut:
    """Returns the author's solution to a caller who has passed the challenge."""
    found = shown_challenge(request, id)
    if found.version is None or not has_passed(caller(request), found):
        raise Refused("not_passed", "The solution opens once you have passed this challenge.", 403)
    return SolutionOut(solution=found.version.solution)


@router.get("/challenges/{slug:id}/documents", response=DocumentsOut, auth=anyone, openapi_extra=OPTIONAL)
def documents(request: Request, id: str) -> RagKeys:
    """Returns the documents in which answers are looked up. A challenge without documents is not found here."""
    return keys_of(shown_challenge(request, id))


@router.post("/challenges/{slug:id}/dataset", response=DatasetOut)
def dataset_check(request: Request, id: str, payload: TrainingRows) -> DatasetOut:
    """Checks training rows and estimates the cost of training on them. It costs no attempt."""
    challenge, given = shown_challenge(request, id), payload.root
    spec = challenge.spec
    if TUNE.name not in spec.tracks:
        raise Http404
    report = dataset.report(
        spec,
        given.rows,
        counter(spec),
        instructions=given.instructions,
        hyperparameters=given.hyperparameters,
        method=given.method,
    )
    usual = durations.of_training(challenge, given.method, report.total_tokens)
    time = {"seconds": usual.high if usual else 0, "takes": usual.sentence if usual else ""}
    return DatasetOut.model_validate({**asdict(report), **time})
