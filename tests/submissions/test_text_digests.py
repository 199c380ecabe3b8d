"""An answer is stored with the digest of its text, by which equal answers to a question are found."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from challenges import texts
from gradus.submissions.models import Submission
from tests import factories
from tests.deleted import delete

pytestmark = pytest.mark.django_db
ANSWER = factories.FREE_TEXT["answer"]


def hand_in(user, answer=ANSWER):
    return factories.submit(user, "explain", {"kind": "free_text", "answer": answer})


def test_an_answer_has_the_digest_of_its_text_and_other_kinds_have_none(ada, bob, course):
    first, second, other = (
        hand_in(ada),
        hand_in(bob, f"  {ANSWER.upper()}\n"),
        hand_in(factories.UserFactory.create(), f"{ANSWER[:-1]}!"),
    )

    assert first.text_digest == second.text_digest == texts.digest(ANSWER) != other.text_digest
    assert factories.submit(ada).text_digest == ""


def test_a_deleted_account_leaves_no_digest(ada, course):
    hand_in(ada)
    delete(ada)
    assert Submission.objects.get().text_digest == ""


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_answers_from_before_get_their_digest(ada, course):
    answer, prompt = hand_in(ada), factories.submit(ada)
    Submission.objects.update(text_digest="")
    try:
        MigrationExecutor(connection).migrate([("submissions", "0012_rank_by_people")])
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())

    digests = dict(Submission.objects.values_list("pk", "text_digest"))
    assert digests == {answer.pk: texts.digest(ANSWER), prompt.pk: ""}
