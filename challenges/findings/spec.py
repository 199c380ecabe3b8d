"""A lesson's findings: the statements of its author, the experiment behind each, and the results of the experiments.

`findings.yaml` beside `lesson.yaml` declares them and `gradus challenge prove` writes `findings.json`, the record.
The format is documented in `docs/bundle.md`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from challenges.spec import FORMS, KeyFault, Share, Slug, Spec, Title

FORMS |= {
    (ARM_FILE := r"^(baselines|findings)/[A-Za-z0-9._-]+\.yaml$"): "name a file such as `findings/plain.yaml`",
    (HINT := r"^[a-z0-9]+(-[a-z0-9]+)*\.[1-9]$"): "name a challenge and one of its hints: `my-challenge.1`",
}
# The measures of a run. `score` is the challenge's own metric; `valid` and `decisions` are for JSON answers:
# the share of rows whose output fits the schema, and the share of listed (not free-text) fields that are right.
Measure = Literal["score", "valid", "decisions"]
# The one thing in which the arms of a claim differ. `method`: one arm is a prompt and the other a training run, or the
# arms search or train by different methods.
# What a plainer method makes of an arm's training rows: a logistic regression on their sentence embeddings, or
# supervised fine-tuning on the chosen answers of preferences alone.
Control = Literal["linear", "sft"]
Searched = Literal["chunk_words", "overlap", "top_k", "min_score"]
Varied = (
    Literal["instructions", "examples", "order", "example", "label_words", "method", "rows", "hyperparameters"]
    | Searched
)


class ExampleSets(Spec):
    """Draws `count` sets of examples from the challenge's training rows, `per_label` of each label (or of each value of
    the first listed field, for JSON answers), with a fixed seed; set k is the same for every arm of a finding.
    """

    count: int = Field(ge=5, le=20)
    per_label: int = Field(1, ge=1, le=50)
    seed: int = 17


class Arm(Spec):
    """A submission that an experiment compares with others. `files` are relative to the challenge's folder.

    An arm is repeated over example sets, over training seeds, or over several files; with none of them it is run once.
    `order` arranges the drawn examples: a permutation of their positions, counted from 0.

    A `control` does something plainer with the training rows of its files: see `challenges.findings.controls`. The
    control `linear` without files takes the rows that the challenge shows to everybody, or each of the example sets.
    """

    id: Slug
    title: Title
    files: tuple[Annotated[str, StringConstraints(pattern=ARM_FILE)], ...] = Field((), max_length=20)
    control: Control | None = Field(None, exclude_if=lambda control: control is None)
    example_sets: ExampleSets | None = None
    seeds: tuple[Annotated[int, Field(ge=0, lt=2**32)], ...] = Field((), max_length=10)
    order: tuple[int, ...] = Field((), max_length=64)
    tuned_on: Literal["nothing", "public"] = "public"

    @field_validator("tuned_on", mode="before")
    @classmethod
    def _not_on_hidden_rows(cls, value: Any) -> Any:
        if value == "hidden":
            raise ValueError("an arm that was tuned on hidden rows proves nothing: tune it anew on public rows only")
        return value

    @model_validator(mode="after")
    def _repeated_in_one_way(self) -> Arm:
        if not self.files and self.control != "linear":
            raise KeyFault("an arm needs files", "name at least one, such as `findings/plain.yaml`", "id")
        if self.control and self.files and self.example_sets is not None:
            raise KeyFault("a control is trained on its files or on example_sets", "remove one of the two", "id")
        if sum((len(self.files) > 1, self.example_sets is not None, bool(self.seeds))) > 1:
            raise KeyFault(
                "an arm is repeated in more than one way", "keep one of: several files, example_sets, seeds", "id"
            )
        if self.order and (self.example_sets is None or sorted(self.order) != list(range(len(self.order)))):
            fix = "write each of 0, 1, 2, ... once, and give the arm example_sets"
            raise KeyFault("order is no permutation of the examples of a set", fix, "order")
        return self


class Claim(Spec):
    """States how the arms of a finding compare in one measure.

    `higher`: the first arm's mean is above the second's by at least `at_least`, and the interval lies above zero.
    `unclear`: the interval of that difference contains zero. `spread`: with all else equal, the arms of one repetition
    lie `at_least` apart on average (highest minus lowest), by more than chance. `best` compares with the best
    repetition of the second arm instead of its mean.
    """

    arms: tuple[Slug, ...] = Field(min_length=2, max_length=12)
    varies: Varied
    found: Literal["higher", "unclear", "spread"]
    measure: Measure = "score"
    at_least: float = Field(0.03, ge=0, le=1)
    best: bool = False

    @model_validator(mode="after")
    def _two_arms(self) -> Claim:
        if self.found != "spread" and len(self.arms) != 2:
            raise KeyFault(f"{self.found} compares two arms, and there are {len(self.arms)}", "name two", "arms")
        return self


class Experiment(Spec):
    """The arms on the rows of one challenge."""

    challenge: Slug
    arms: tuple[Arm, ...] = Field(min_length=2, max_length=12)


# A hint of a challenge: the challenge's id and the hint's number, from 1.
HintName = Annotated[str, StringConstraints(pattern=HINT, max_length=66)]


class Finding(Spec):
    """A statement with the experiments that show it. Each claim is tested in each experiment, and must hold in all.

    In `statement` and `limits`, `{challenge.arm.measure}` stands for an arm's mean and `{n.effect}` for the effect of
    claim number n (from 1), both taken from the record; see `challenges.findings.text`.

    `hints` names the hints whose advice its claims measure. A finding that is not `shown` is on no page: it only
    measures hints, and needs neither statement nor limits. Both keys came later than the format, so a dump leaves them
    out while they have their defaults.
    """

    id: Slug
    title: Title
    statement: str = ""
    limits: str = ""
    rows: Literal["public", "hidden"] = "hidden"
    hints: tuple[HintName, ...] = Field((), max_length=9, exclude_if=lambda names: not names)
    shown: bool = Field(True, exclude_if=lambda shown: shown)
    experiments: tuple[Experiment, ...] = Field(min_length=1, max_length=4)
    claims: tuple[Claim, ...] = Field(min_length=1, max_length=6)

    @model_validator(mode="after")
    def _states_something(self) -> Finding:
        if self.shown and not (self.statement and self.limits):
            fix = "write both, or `shown: false`, which keeps it off the page"
            raise KeyFault("a finding that is shown needs statement and limits", fix, "id")
        return self


# How many findings a lesson's page may show. Readers remember few.
SHOWN_MAX = 5


class Findings(Spec):
    """`findings.yaml`."""

    schema_: Literal[1] = Field(1, alias="schema")
    findings: tuple[Finding, ...] = Field(min_length=1, max_length=30)

    @model_validator(mode="after")
    def _few_are_shown(self) -> Findings:
        if (count := sum(finding.shown for finding in self.findings)) > SHOWN_MAX:
            what = f"{count} findings are shown, and a lesson's page shows at most {SHOWN_MAX}"
            raise ValueError(f"{what}: write `shown: false` for those that only measure a hint")
        return self


def arm_files(findings: Iterable[Finding]) -> dict[tuple[str, str], None]:
    """Each file that an arm names, once, with the id of the challenge in whose folder it lies."""
    experiments = [experiment for finding in findings for experiment in finding.experiments]
    return dict.fromkeys((e.challenge, file) for e in experiments for arm in e.arms for file in arm.files)


# A record may come from any bundle, so its numbers and lists have bounds, which also exclude NaN. An interval may be
# wider than the possible difference of two scores.
Difference = Annotated[float, Field(ge=-2, le=2)]


# What a run cost: seconds and bytes of what was trained, and the means of a request on public rows.
CostName = Literal["training_seconds", "bytes", "ms", "prompt_tokens", "new_tokens"]
Cost = Annotated[float, Field(ge=0, le=1e15)]


class RunRecord(Spec):
    """The raw scores of one repetition of an arm, by measure: on the finding's rows and on the public rows.

    `cost` is what the run took on the machine of the record; runs that were made before it was kept have none.
    """

    name: Title
    values: dict[str, Share]
    public: dict[str, Share] = {}
    cost: dict[CostName, Cost] = Field({}, exclude_if=lambda cost: not cost)


class ArmRecord(Spec):
    id: Slug
    runs: tuple[RunRecord, ...] = Field(max_length=50)
    mean: dict[str, Share]
    sd: dict[str, Share] = {}


class ClaimRecord(Spec):
    """`effect` with its 95 % interval over rows and repetitions together, and a two-sided p value."""

    effect: Difference
    low: Difference
    high: Difference
    p: Share
    found: Literal["higher", "lower", "unclear", "spread"]
    holds: bool


class ExperimentRecord(Spec):
    challenge: Slug
    rows: int = Field(ge=1, le=1_000_000)
    arms: tuple[ArmRecord, ...] = Field(max_length=12)
    claims: tuple[ClaimRecord, ...] = Field(max_length=6)


class FindingRecord(Spec):
    """The results that `prove` measured. `digest` covers rows, payloads, metric, base model and test, but no engine."""

    digest: Title
    machine: Title
    day: Title
    experiments: tuple[ExperimentRecord, ...] = Field(max_length=4)


class Records(Spec):
    """`findings.json`, by the finding's id."""

    schema_: Literal[1] = Field(1, alias="schema")
    findings: dict[Slug, FindingRecord] = Field({}, max_length=50)


def dump_records(records: Records) -> dict[str, Any]:
    """The records as a JSON object with the keys of the file."""
    return records.model_dump(mode="json", by_alias=True)
