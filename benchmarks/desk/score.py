"""Compares a reviewer's decisions in a seeded site with the known marks."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks.desk.rows import marks
from benchmarks.desk.site import PAGES, open_site


def score(folder: Path) -> dict[str, Any]:
    """The report on the folder's site, JSON-ready. A verdict is wrong if the marks pass where the known ones do not,
    or the other way round.
    """
    open_site(folder)
    from challenges.kinds.rubric import free_text
    from challenges.marks import score as points
    from gradus.reviews.models import Review
    from gradus.submissions.models import Evaluation

    known = marks()
    reviews = list(
        Review.objects.exclude(decided_at=None).select_related("submission__version", "submission__challenge")
    )
    wrong: dict[str, int] = defaultdict(int)
    marked: dict[str, int] = defaultdict(int)
    verdicts, distance = 0, 0.0
    for review in reviews:
        right, spec = known[review.submission.idempotency_key], review.submission.version.parsed
        for name, mark in right.items():
            place = f"{review.submission.challenge.slug}: {name}"
            marked[place] += 1
            wrong[place] += review.marks.get(name) != mark
        given, deserved = (points(free_text(spec).rubric, found) for found in (review.marks, right))
        verdicts += (given >= spec.pass_) != (deserved >= spec.pass_)
        distance += abs(given - deserved)
    states = list(Evaluation.objects.filter(is_current=True, submission__isnull=False).values_list("state", flat=True))
    moments = sorted(review.decided_at for review in reviews if review.decided_at is not None)
    minutes = (moments[-1] - moments[0]).total_seconds() / 60 if moments else 0.0
    pages = opened(folder)
    return {
        "answers": len(known),
        "decided": len(reviews),
        "waiting": states.count("review"),
        "withdrawn": states.count("cancelled"),
        "wrong_marks": sum(wrong.values()),
        "marks": sum(marked.values()),
        "wrong_by_criterion": {place: [wrong[place], marked[place]] for place in sorted(marked)},
        "wrong_verdicts": verdicts,
        "mean_distance": round(distance / len(reviews), 3) if reviews else None,
        "minutes": round(minutes, 1),
        "decisions_per_minute": round(len(reviews) / minutes, 2) if minutes else None,
        "pages_opened": pages["GET"],
        "forms_sent": pages["POST"],
    }


def opened(folder: Path) -> dict[str, int]:
    """Requests under `/reviews` and `/teach` that the site answered with a page, and forms that a person sent there."""
    counts = {"GET": 0, "POST": 0}
    log = folder / PAGES
    for line in log.read_text(encoding="utf-8").splitlines() if log.exists() else ():
        _, method, status, path = line.split(" ", 3)
        if not path.startswith(("/reviews", "/teach")) or path.endswith("/locks"):
            continue
        if method in counts and (method == "POST" or status == "200"):
            counts[method] += 1
    return counts


def lines(found: dict[str, Any]) -> list[str]:
    """The report for people."""
    shown = [
        f"{found['decided']} of {found['answers']} answers decided, {found['waiting']} wait, "
        f"{found['withdrawn']} withdrawn",
        f"wrong marks: {found['wrong_marks']} of {found['marks']}",
    ]
    shown += [f"  {place}: {bad} of {all_}" for place, (bad, all_) in found["wrong_by_criterion"].items() if bad]
    shown += [
        f"wrong verdicts: {found['wrong_verdicts']}; mean distance of scores: {found['mean_distance']}",
        f"{found['minutes']} minutes between the first decision and the last, "
        f"{found['decisions_per_minute']} decisions a minute",
        f"{found['pages_opened']} pages opened, {found['forms_sent']} forms sent",
    ]
    return shown
