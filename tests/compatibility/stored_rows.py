"""What must hold of every row and file that an earlier release stored. Each function gives one line for each fault."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.exceptions import ValidationError
from django.core.files.storage import storages
from django.db.models import Model

from challenges import payloads
from challenges.spec import dump
from gradus.courses import bundles
from gradus.courses.models import ChallengeVersion, Lesson
from gradus.submissions.models import Evaluation, Run, Submission


def counts() -> dict[str, int]:
    """Rows by table of our own apps."""
    return {model._meta.label: model._default_manager.count() for model in _models()}


def faults() -> list[str]:
    return [*_rows(), *_contents(), *_lessons(), *_payloads(), *_files()]


def _models() -> list[type[Model]]:
    ours = [config for config in apps.get_app_configs() if config.name.startswith(("gradus.", "workers"))]
    return [model for config in ours for model in config.get_models()]


def _rows() -> Iterator[str]:
    """Each row passes the checks of its fields and constraints. An empty value is what the table allows."""
    for model in _models():
        for row in model._default_manager.all():
            fields = [field for field in model._meta.concrete_fields if not field.primary_key]
            empty = [field.name for field in fields if field.value_from_object(row) in field.empty_values]
            try:
                row.full_clean(exclude=empty, validate_constraints=False)
                row.validate_constraints()
            except ValidationError as error:
                yield f"{model._meta.label} {row.pk}: {error.messages}"


def _contents() -> Iterator[str]:
    """Each version is read from its row as from private storage, where its content still has its digest."""
    for version in ChallengeVersion.objects.all():
        bundle = bundles.load(version)
        if dump(version.parsed) != version.spec or bundle.challenge != version.parsed:
            yield f"{version}: the challenge is read otherwise"
        if [dump(sample) for sample in version.samples] != version.public:
            yield f"{version}: the public samples are read otherwise"


def _lessons() -> Iterator[str]:
    for lesson in Lesson.objects.all():
        records = {name: dump(one) for name, one in lesson.parsed_records.items()}
        if dump(lesson.parsed) != lesson.spec or [dump(one) for one in lesson.parsed_findings] != lesson.findings:
            yield f"{lesson}: the lesson is read otherwise"
        if records != lesson.records:
            yield f"{lesson}: the records of its findings are read otherwise"


def _payloads() -> Iterator[str]:
    # A message of a chat is a run without a payload.
    for owner in (*Submission.objects.all(), *Run.objects.exclude(purpose="chat")):
        name = f"{owner._meta.label} {owner.pk}"
        try:
            payload = payloads.parse(owner.payload)
        except ValueError as error:
            yield f"{name}: {error}"
            continue
        if payload.model_dump(mode="json") != owner.payload:
            yield f"{name}: the payload is read otherwise"
        if isinstance(owner, Submission) and payloads.sha256(payload) != owner.payload_sha256:
            yield f"{name}: the payload has another digest"


def _files() -> Iterator[str]:
    """Files that rows name are where they were."""
    named: dict[str, Any] = {"raw": storages["private"], "artifact": storages["artifacts"]}
    for field, store in named.items():
        for name in Evaluation.objects.exclude(**{field: ""}).values_list(field, flat=True):
            if not store.exists(name):
                yield f"{field}: there is no {name}"
