"""The calls and pages of a recording: every operation of the API, by those who may call it and by some who may not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests import factories
from tests.compatibility import course, site
from tests.reviews import cases

Call = dict[str, Any]
CHALLENGES = ("sea-or-sky", "ticket", "explain", "name-the-thing", "ask-the-library", "short-and-steady", "your-clicks")
MARKS = {"marks": cases.ALL_MET}
BAD = {"kind": "prompt", "examples": [{"input": "a gull"}], "colour": "blue"}


def calls(made: site.Made) -> list[Call]:
    found = [*_content(), *_own(made), *_attempts(made), *_of_reviewers(made), *_refused(made)]
    return [{**one, "path": f"/api/v1/{one['path']}"} for one in found]


def get(who: str, path: str, **more: Any) -> Call:
    return {"who": who, "method": "GET", "path": path, **more}


def post(who: str, path: str, body: Any = None, **more: Any) -> Call:
    return {"who": who, "method": "POST", "path": path, **({} if body is None else {"body": body}), **more}


def _content() -> Iterator[Call]:
    """What everybody may ask for."""
    for who in ("visitor", "learner"):
        yield from (get(who, path) for path in ("courses", "courses/tiny/path", "lessons/first/findings"))
        yield from (get(who, f"challenges/{slug}") for slug in CHALLENGES)
        yield from (get(who, f"challenges/{slug}/leaderboard") for slug in CHALLENGES)
        yield get(who, "challenges/sea-or-sky/documents")
        yield get(who, "challenges/sea-or-sky/choices")
        yield get(who, "challenges/sea-or-sky/choices.jsonl")
        yield get(who, "challenges/sea-or-sky/leaderboard?track=tune")
        yield from (get(who, f"lessons/{lesson}") for lesson in ("first", "second", "third"))
        yield get(who, "lessons/third/questions")
        yield get(who, "challenges/ask-the-library/documents")
        yield get(who, "challenges/your-clicks/choices")
        yield from (get(who, f"challenges/{slug}/costs") for slug in ("sea-or-sky", "ticket"))
        yield get(who, "challenges/sea-or-sky/costs?input=0.5&training=9")
    answers = {"changes": "weekly", "rows": "few"}
    yield post("visitor", "lessons/first/advisor", {"answers": answers})


def _own(made: site.Made) -> Iterator[Call]:
    """What a learner sees of the own work, in every state."""
    yield get("learner", "submissions")
    yield get("learner", "submissions?challenge=explain&limit=2")
    for name, uuid in made.things["submissions"].items():
        if name not in site.OF_OTHERS:
            yield get("learner", f"submissions/{uuid}")
            yield get("learner", f"submissions/{uuid}/events")
    yield from (get("learner", f"runs/{uuid}") for uuid in made.things["runs"].values())
    yield get("learner", f"runs/{made.things['runs']['trial']}/events")
    work = made.things["submissions"]
    yield get("learner", "challenges/your-clicks/choices.jsonl")
    yield get("learner", "challenges/sea-or-sky/history")
    yield get("learner", f"challenges/sea-or-sky/comparison?before={work['old-prompt']}&after={work['prompt']}")
    yield from (get("learner", f"submissions/{work[name]}/receipt") for name in ("prompt", "tune", "answer"))
    yield get("learner", f"submissions/{work['tune']}/chat")
    yield get("learner", f"runs/{made.things['runs']['chat']}/chat")
    yield get("learner", "notices")
    yield get("learner", "reports")
    seen = {"headers": {"Last-Event-ID": "999"}}
    yield get("learner", f"submissions/{made.things['submissions']['prompt']}/events", **seen)
    yield get("learner", f"submissions/{made.things['submissions']['tune']}/artifact")
    yield from (get("learner", f"challenges/{slug}/solution") for slug in CHALLENGES[:3])


def _attempts(made: site.Made) -> Iterator[Call]:
    """What a learner does."""
    work, key = made.things["submissions"], {"headers": {"Idempotency-Key": "made-by-a-script"}}
    yield post("learner", "challenges/sea-or-sky/submissions", factories.PROMPT, **key)
    yield post("learner", "challenges/ticket/submissions", course.TICKETS)
    yield post("learner", "challenges/explain/submissions", course.EXPLANATION)
    yield post("teacher", "challenges/sea-or-sky/submissions", factories.LORA)
    yield post("learner", "challenges/sea-or-sky/runs", factories.PROMPT)
    yield post("learner", "challenges/sea-or-sky/dataset", factories.LORA)
    yield post("learner", "challenges/ticket/hints")
    chosen = {**made.things["pair"], "chosen": 1}
    yield {"who": "learner", "method": "PUT", "path": "challenges/your-clicks/choices", "body": chosen}
    yield {"who": "learner", "method": "DELETE", "path": "challenges/your-clicks/choices"}
    yield post("learner", "lessons/first/demo", {"text": "a foghorn"})
    yield post("learner", "lessons/first/findings/few-shot/runs", {"repetition": 2})
    yield post("learner", "lessons/third/retriever", {"text": "How long may I keep a film?"})
    yield post("learner", "lessons/third/questions/fog", {"option": 2})
    yield post("learner", f"submissions/{work['tune']}/chat", {"text": "a gull"})
    name = {"name": "the first try"}
    yield {"who": "learner", "method": "PUT", "path": f"runs/{made.things['runs']['trial']}/name", "body": name}
    yield post("learner", "notices/seen")
    yield post("learner", "challenges/ticket/reports", {"what": "score", "text": "The priority is not what I read."})
    yield post("learner", "challenges/ask-the-library/runs", course.LOOKED_UP)
    yield post("learner", "challenges/short-and-steady/submissions", course.STEADY)
    yield post("learner", f"submissions/{work['queued']}/cancel")
    yield post("learner", f"submissions/{work['unread']}/appeal", {"text": "I named the cause."})
    yield post("learner", f"runs/{made.things['runs']['queued']}/cancel")
    yield post("visitor", "tokens", {"email": "ada@example.org", "password": factories.PASSWORD})
    named = {"name": "script", "days": 7, "learner_data": "viewer"}
    yield post("visitor", "tokens", {"email": "grace@example.org", "password": factories.PASSWORD, **named})


def _of_reviewers(made: site.Made) -> Iterator[Call]:
    found, regrades = made.things["reviews"], made.things["regrades"]
    for who in ("teacher", "staff"):
        yield from (get(who, path) for path in ("reviews", "reviews/accuracy", "regrades", "challenges/explain/gold"))
    yield from (get("staff", f"reviews/{pk}") for pk in found.values())
    yield from (get("staff", f"regrades/{pk}") for pk in regrades.values())
    yield post("teacher", f"reviews/{found['audited']}/blind", MARKS)
    yield post("teacher", f"reviews/{found['waits']}/decision", {**MARKS, "reason": "Read twice."})
    yield post("staff", f"reviews/{found['lowered']}/gold", {"role": "calibration"})
    yield post("staff", "challenges/explain/regrades", {"note": "A calibrated judge"})
    yield post("staff", f"regrades/{regrades['done']}/approve", {"lower": True})
    yield post("staff", f"regrades/{regrades['open']}/discard")


def _refused(made: site.Made) -> Iterator[Call]:
    """Errors are a part of the contract: scripts rely on their codes."""
    work = made.things["submissions"]
    yield get("visitor", "submissions")
    yield get("learner", "reviews")
    yield get("learner", "challenges/no-such-thing")
    yield get("learner", f"submissions/{work['running']}")
    yield post("visitor", "challenges/sea-or-sky/submissions", factories.PROMPT)
    yield post("learner", "challenges/sea-or-sky/submissions", BAD)
    yield post("learner", "challenges/explain/submissions", {"kind": "free_text", "answer": "Too short."})
    yield post("learner", "challenges/explain/submissions", factories.PROMPT)
    yield post("learner", f"submissions/{work['prompt']}/cancel")
    yield post("learner", f"submissions/{work['prompt']}/appeal", {"text": "Please look again."})
    yield post("visitor", "tokens", {"email": "ada@example.org", "password": "not-the-password"})


def pages(made: site.Made) -> Iterator[dict[str, Any]]:
    """Pages with texts of authors and learners that must be on them."""
    work, runs = made.things["submissions"], made.things["runs"]
    found, regrades = made.things["reviews"], made.things["regrades"]
    for who in ("visitor", "ada"):
        yield _page(who, "/", "Tiny")
        yield _page(who, "/courses/tiny/", "First", "Second")
        yield _page(who, "/lessons/first/", "Some <em>text</em>", "Why a buoy?")
        yield _page(who, "/lessons/first/findings/few-shot/", "Examples help a little")
        yield _page(who, "/lessons/third/", "Look something up", "What moves water?")
        yield _page(who, "/challenges/sea-or-sky/costs/")
        yield from (_page(who, f"/challenges/{slug}/", "What to do.") for slug in CHALLENGES[:4])
        yield from (_page(who, f"/challenges/{slug}/") for slug in CHALLENGES[4:])
        yield _page(who, "/challenges/sea-or-sky/?track=tune", "Sea or sky")
        yield _page(who, "/leaderboards/sea-or-sky/", "enchantress")
        yield _page(who, "/leaderboards/sea-or-sky/?track=tune", "enchantress")
    yield from (_page("ada", f"/submissions/{uuid}/") for name, uuid in work.items() if name not in site.OF_OTHERS)
    yield _page("ada", f"/challenges/sea-or-sky/?from={work['prompt']}", "a rusty buoy")
    yield _page("ada", f"/challenges/sea-or-sky/compare/?a={work['old-prompt']}&b={work['prompt']}")
    yield _page("ada", f"/runs/{runs['trial']}/")
    yield _page("ada", f"/lessons/first/demo/{runs['zero']}/{runs['few']}/{runs['tuned']}/", "a heron over the reef")
    yield _page("ada", "/profile/", "enchantress", "laptop")
    yield _page("ada", "/path/", "Sea or sky")
    yield _page("ada", "/notices/")
    yield _page("ada", f"/submissions/{work['prompt']}/receipt/")
    yield _page("ada", f"/submissions/{work['tune']}/chat/", "a heron over the reef")
    yield _page("ada", "/challenges/your-clicks/choices/")
    yield _page("ada", f"/submissions/{work['running']}/")
    yield _page("guest", f"/submissions/{work['of-a-guest']}/", "a rusty buoy")
    for path in ("", "accuracy/", "calibration/", "judge/", "regrades/"):
        yield _page("tom", f"/reviews/{path}")
    yield from (_page("grace", f"/reviews/{pk}/") for pk in found.values())
    yield from (_page("grace", f"/reviews/regrades/{pk}/") for pk in regrades.values())
    yield _page("grace", "/admin/submissions/submission/", "ada@example.org")
    yield _page("grace", "/admin/accounts/staffaction/", "grace@example.org")


def _page(who: str, path: str, *texts: str) -> dict[str, Any]:
    return {"who": who, "path": path, "texts": list(texts)}
