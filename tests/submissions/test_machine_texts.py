"""What models and judges write may hold characters that PostgreSQL cannot store; the grade is kept all the same."""

from __future__ import annotations

from dataclasses import replace

from graders.base import Judged
from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.reviews.judge_store import Store
from gradus.reviews.models import JudgeCall
from gradus.submissions import services
from tests import factories
from tests.reviews.test_judging import RECORD

BROKEN, SHOWN = "a\x00b\ud800c", "a\ufffdb\ufffdc"


def test_a_model_that_writes_a_nul_is_graded(ada: User, sea_or_sky: Challenge) -> None:
    claimed = factories.claimed(factories.submit(ada))
    result = {"public": {"rows": [{"id": "one", "output": BROKEN}]}}
    assert services.append_events(claimed.pk, claimed.fence, [("progress", {"text": BROKEN})])
    evaluation = services.record(claimed.pk, claimed.fence, services.Outcome(result=result, score=0.5))
    evaluation.refresh_from_db()
    assert evaluation.state == "scored"
    assert evaluation.result["public"]["rows"] == [{"id": "one", "output": SHOWN}]
    assert evaluation.events.get(type="progress").data == {"text": SHOWN}


def test_a_judge_that_writes_a_nul_is_logged(ada: User, explain: Challenge) -> None:
    store = Store(factories.submit(ada, "explain", factories.FREE_TEXT).current, Judged)
    call = JudgeCall.objects.get(pk=store.log(replace(RECORD, response=BROKEN, reply={"why": [BROKEN]}, problem="")))
    assert (call.response, call.reply) == (SHOWN, {"why": [SHOWN]})
