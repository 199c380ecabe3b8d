"""What workers have said of themselves: what they lack, and how the engine computes each base model on their machine.

So a payload that none of them can carry out is refused at once. The site knows an engine's choice only as JSON, because
it does not load the engine. `workers.transport.choices` reads and checks it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.db.models import Exists, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from challenges.kinds import registry as kinds
from challenges.payloads import Submitted
from challenges.spec import Challenge
from challenges.training_methods import LACKS
from challenges.translation import translated
from gradus.refusal import Refused
from gradus.submissions.models import EngineChoice, WorkerStatus
from gradus.submissions.queue import ALIVE
from gradus.submissions.services.claim import is_of

CODE = "method_unavailable"


def unavailable(challenge: Challenge, name: str, lane: str | None = None) -> dict[str, str]:
    """The methods of the kind `name` that no worker can carry out now, each with the reason as a sentence."""
    kind = kinds.find(name)
    needs = kind.needs(challenge)
    lacks = _lacks(lane or kind.lane) if needs else []
    reasons = {method: _reason(lacks, need) for method, need in needs.items()}
    return {method: reason for method, reason in reasons.items() if reason}


def another_can(challenge: Challenge, payload: Submitted, lane: str, *, worker: str) -> bool:
    """Whether another worker of the lane than the one of that name can carry the payload out."""
    need = kinds.find(payload.kind).needs(challenge).get(getattr(payload, "method", ""), "")
    return any(not one.get(need) for one in _lacks(lane, but=worker))


def require(challenge: Challenge, payload: Submitted, lane: str | None = None) -> None:
    """Raises `Refused` where no worker of the lane, by default that of submissions, can carry out the payload."""
    method = getattr(payload, "method", "")
    reason = unavailable(challenge, payload.kind, lane).get(method)
    if reason:
        said = _("This method is not available here at the moment. %(reason)s Choose another one.") % {"reason": reason}
        raise Refused(CODE, said, problems=[{"code": CODE, "field": "method", "message": said, "line": None}])


def lacks_model(model: str, lane: str) -> bool:
    """Returns True if workers of the lane hold base models, but none of them holds this one.

    A worker that names no base model does not count: a remote engine may answer for it, or it waits for a repair.
    """
    seen = WorkerStatus.objects.filter(lane=lane, last_seen__gte=timezone.now() - ALIVE)
    held = list(seen.values_list("base_models", flat=True))
    return any(held) and not any(model in one for one in held)


def _lacks(lane: str, but: str = "") -> list[dict[str, Any]]:
    """What each worker of the lane that is at work lacks."""
    seen = WorkerStatus.objects.filter(lane=lane, last_seen__gte=timezone.now() - ALIVE).exclude(name=but)
    return list(seen.values_list("lacks", flat=True))


def _reason(lacks: list[dict[str, Any]], need: str) -> str:
    """Empty where one of the workers can, or none is at work: then the job waits for one."""
    reasons = [str(one.get(need, "")) for one in lacks]
    return translated(reasons[0], LACKS) if reasons and all(reasons) else ""


def kept_choice(key: str) -> EngineChoice | None:
    """Returns the choice that is kept under the key, or None."""
    return EngineChoice.objects.filter(key=key).first()


def keep_choice(key: str, place: Mapping[str, Any], digest: str, choice: Mapping[str, Any]) -> EngineChoice:
    """Keeps the choice unless one is kept under the key already, and returns the one that is kept then.

    `place` holds the fields `model`, `cpu`, `threads`, `device` and `versions`.
    """
    given = {**place, "digest": digest, "choice": dict(choice)}
    kept, _ = EngineChoice.objects.get_or_create(key=key, defaults=given)
    return kept


def forget_choice(kept: EngineChoice) -> None:
    """Removes exactly this choice; one that has replaced it meanwhile stays, because it has another id."""
    EngineChoice.objects.filter(pk=kept.pk).delete()


def report_worker(values: Mapping[str, Any]) -> None:
    """Updates what is known of the worker `name`, which is alive. `values` has other fields of `WorkerStatus` too."""
    fields = {**values, "last_seen": Now()}
    name = fields.pop("name")
    # One statement, because this runs twice for each evaluation and each second in an idle worker.
    if not WorkerStatus.objects.filter(name=name).update(**fields):
        WorkerStatus.objects.update_or_create(name=name, defaults=fields)


def other_weights(worker: str, held: Mapping[str, str], without: Collection[str] = ()) -> dict[str, tuple[str, str]]:
    """Returns the base models that a worker which reported before this one holds with another digest than in `held`,
    each with that worker's name and its digest. Two of a challenge's attempts must not be graded by different models.
    Workers of the machines `without` are not compared with.
    """
    seen = WorkerStatus.objects.filter(last_seen__gte=Now() - ALIVE).exclude(name=worker)
    mine = WorkerStatus.objects.filter(name=worker).values_list("pk", flat=True)
    earlier = seen.filter(Q(pk__lt=mine[:1]) | ~Exists(mine)) if held else seen.none()
    return {
        name: (other, theirs[name])
        for other, theirs in earlier.order_by("-pk").values_list("name", "base_models")
        if other.partition(":")[0] not in without
        for name, digest in held.items()
        if theirs.get(name, digest) != digest
    }


def forget_workers(who: str) -> int:
    """Removes what the worker `who`, or all workers of that machine, have said of themselves. Returns their number."""
    named = WorkerStatus.objects.filter(name__startswith=who).values_list("pk", "name")
    # SQLite also finds names that differ in the case of their letters.
    return WorkerStatus.objects.filter(pk__in=[pk for pk, name in named if is_of(name, who)]).delete()[0]


def seen_worker(name: str) -> None:
    """Notes that the worker of that name is alive."""
    WorkerStatus.objects.filter(name=name).update(last_seen=Now())
