"""Makes the signed receipt of a score."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.files.storage import storages

from challenges.kinds import registry as kinds
from challenges.models.catalogue import MODELS
from gradus.receipts import signing
from gradus.receipts.models import ReceiptKey
from gradus.submissions.models import Evaluation, Score, Submission

# Of an adapter, and of a whole model.
WEIGHTS = ("adapter_model.safetensors", "model.safetensors")
PIECE = 1 << 20


def receipt(submission: Submission, site: str) -> dict[str, Any] | None:
    """The signed receipt of the submission's current score; None where it has no score.

    Of all that depends on hidden rows, only the shown score, and what follows from it, is part of it. `site` is the
    site's address.
    """
    score = getattr(submission.current, "score", None)
    return None if score is None else signing.signed(_facts(submission, score, site), _key())


def is_annulled(facts: Mapping[str, Any]) -> bool:
    """Returns whether the attempt of a receipt that this site has signed is annulled now."""
    return Submission.objects.filter(uuid=facts["submission"], annulled=True).exists()


def keys() -> list[dict[str, str]]:
    """All public keys with which this site has signed, as JSON Web Keys, the oldest first."""
    _key()
    return [signing.web_key(key.public) for key in ReceiptKey.objects.all()]


def verified(document: Any) -> dict[str, Any]:
    """The facts of a receipt that this site has signed.

    Raises:
        NotValid: `document` is no receipt, this site has not signed it, or it was changed afterwards.
    """
    return signing.verified(document, keys())


def _key() -> Any:
    key = signing.private_key(settings.SECRET_KEY)
    ReceiptKey.objects.get_or_create(public=signing.public_text(key))
    return key


def _facts(submission: Submission, score: Score, site: str) -> dict[str, Any]:
    evaluation, kind = submission.current, kinds.find(submission.kind)
    challenge = evaluation.version.parsed
    finished = evaluation.finished_at or evaluation.created_at
    return {
        "schema": 1,
        "site": site,
        "submission": str(submission.uuid),
        "learner": submission.user.pseudonym,
        "course": submission.challenge.course.slug,
        "challenge": submission.challenge.slug,
        "title": challenge.title,
        "version": evaluation.version.version,
        "kind": submission.kind,
        "payload_sha256": submission.payload_sha256,
        **_model(challenge.model if kind.asks_model(challenge) else None),
        "adapter_sha256": _adapter_sha256(evaluation),
        "engine": evaluation.engine_profile,
        "engine_choice": evaluation.engine_choice,
        "grader_version": evaluation.grader_version,
        "seed": kind.seed(challenge),
        "score": f"{score.shown:.4f}".rstrip("0").rstrip("."),
        "provisional": score.provisional,
        "passed": None if score.provisional else score.passed and not submission.annulled,
        "gold": score.gold and not submission.annulled,
        **({"annulled": True} if submission.annulled else {}),
        "verified_by": score.verified_by,
        **({"accepted_in_bulk": True} if score.in_bulk else {}),
        "day": f"{finished:%Y-%m-%d}",
    }


def _model(name: str | None) -> dict[str, str | None]:
    return {"model": name, "model_checkpoint": MODELS[name].checkpoint if name and name in MODELS else None}


def _adapter_sha256(evaluation: Evaluation) -> str | None:
    """The digest of the trained weights, which the learner has as a file; None where nothing was trained."""
    store = storages["artifacts"]
    if not evaluation.artifact or not store.exists(evaluation.artifact):
        return None
    found = hashlib.sha256()
    with store.open(evaluation.artifact) as file, zipfile.ZipFile(file) as archive:
        name = next(name for name in WEIGHTS if name in archive.namelist())
        with archive.open(name) as weights:
            while piece := weights.read(PIECE):
                found.update(piece)
    return found.hexdigest()
