from __future__ import annotations

from pathlib import Path

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from challenges.reading import read_course
from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.courses.services import publish
from gradus.reviews import services as reviews
from gradus.reviews.models import Review
from gradus.submissions import services
from gradus.submissions.models import Score, Standing, Submission
from gradus.submissions.results import releasing
from gradus.submissions.services import Refused
from tests import factories
from tests.challenges.factory import write_free_text_challenge
from tests.reviews import cases
from tests.workers.test_work import TableRunner
from workers.grading.outcomes import detect_language, is_of_another_language
from workers.work import Worker


@pytest.mark.parametrize(
    ("answer", "language"),
    [
        ("Because the weights keep old facts, whereas a look-up reads the newest ones.", "en"),
        ("Weil die Gewichte alte Fakten behalten, schlägt man sie lieber nach.", "de"),
        ("Los precios cambian cada semana, por eso conviene buscarlos en el catálogo.", "es"),
        ("因为价格每周都会变化、所以应该检索目录、而不是训练模型。", "zh"),
        ("The prices is changing all weeks so is better RAG, you put documents in data base.", "en"),
        *((short, "") for short in ("", "   ", "RAG.", "LoRA, RAG, SFT")),
    ],
)
def test_the_language_of_an_answer(answer, language):
    assert detect_language(answer) == language


QUESTION = "Why does retrieval help where facts change every week, and a fine-tuned model does not?"


@pytest.mark.parametrize(
    ("answer", "is_another"),
    [
        ("Because the weights keep old facts, whereas a look-up reads the newest ones.", False),
        ("The prices is changing all weeks so is better RAG, you put documents in data base.", False),
        ("Los precios cambian cada semana, por eso conviene buscarlos en el catálogo.", True),
        ("Les poids gardent des faits anciens, et une recherche lit les nouveaux.", True),
        ("LoRA, RAG", False),
        ("", False),
    ],
)
def test_an_answer_in_another_language_than_its_question(answer, is_another):
    assert is_of_another_language(answer, QUESTION) is is_another
    assert not is_of_another_language(answer, "RAG?"), "too short to have a language"


SPANISH = "Los pesos guardan hechos antiguos, y una búsqueda lee los más recientes en el catálogo de la tienda."


@pytest.fixture
def explain(db: None, tmp_path: Path) -> Challenge:
    """The tiny course's question in more words, so that its language can be told."""
    folder = tmp_path / "tiny"
    factories.tiny_bundle(folder)
    write_free_text_challenge(folder / "first" / "explain", question=QUESTION)
    publish(read_course(folder))
    return factories.challenge("explain")


@pytest.fixture
def spanish(ada: User, explain: Challenge) -> Submission:
    """A complete answer in Spanish to the English question, where no judge is set up."""
    submission = cases.submit(ada, SPANISH)
    assert Worker("judge", runner=TableRunner()).step()
    return submission


def test_nothing_is_estimated_of_an_answer_in_another_language(spanish: Submission) -> None:
    review = Review.objects.get(submission=spanish)
    assert (spanish.current.state, review.predicted, review.certainty) == ("review", None, None)
    assert "other-language" in review.reasons and "no-judge: no_endpoint" in review.reasons
    assert not Score.objects.exists() and not Standing.objects.exists()
    assert spanish.current.result["marks"] == []


def test_its_learner_sees_no_score_until_a_person_decides(spanish: Submission, ada_client: Client, grace: User) -> None:
    address, call = reverse("learn:submission", args=[spanish.uuid]), f"/api/v1/submissions/{spanish.uuid}"
    page = ada_client.get(address).content.decode()
    assert "No grade yet." in page and "0.00" not in page and "without a grade" not in page
    told = ada_client.get(call).json()
    assert (told["status"], told["score"], told["feedback"]["marks"], told["can_appeal"]) == ("review", None, [], False)
    assert "Provisional" not in ada_client.get("/").content.decode()
    board = ada_client.get("/api/v1/challenges/explain/leaderboard").json()
    assert board["rows"] == [] and board["mine"] is None

    reviews.decide(Review.objects.get(), by=grace, marks=cases.ALL_MET, reason="")
    told = ada_client.get(call).json()
    assert (told["status"], told["score"], told["verified_by"]) == ("scored", 1.0, "person")
    assert Standing.objects.get().shown == 1.0 and "1.00" in ada_client.get(address).content.decode()


def test_its_reviewer_sees_no_machines_score_either(spanish: Submission, grace_client: Client) -> None:
    review = Review.objects.get()
    page = grace_client.get(reverse("reviews:review", args=[review.pk])).content.decode()
    assert "another language than the question" in page and "The machine" not in page
    assert "none" in grace_client.get(reverse("reviews:queue")).content.decode()
    told = grace_client.get(f"/api/v1/reviews/{review.pk}").json()
    assert (told["predicted"], told["certainty"]) == (None, None)
    with transaction.atomic(), pytest.raises(IntegrityError, match="no_estimate"):
        Review.objects.filter(pk=review.pk).update(kind="audit")


def test_it_waits_for_its_mark_and_is_neither_regraded_nor_released(
    spanish: Submission, grace: User, explain: Challenge
) -> None:
    assert Submission.objects.filter(releasing.IS_PROVISIONAL).get() == spanish
    with pytest.raises(Refused):
        reviews.start_regrade(explain, by=grace)
    reviews.decide(Review.objects.get(), by=grace, marks=cases.ALL_MET, reason="")
    assert spanish.current.score.value == 1.0


@pytest.mark.parametrize("is_final", [True, False])
def test_a_second_grading_that_knows_nothing_ends_no_final_grade_and_replaces_an_estimate(
    ada: User, explain: Challenge, is_final: bool
) -> None:
    submission = cases.submit(ada, SPANISH)
    judged = {"result": cases.result(), "judge": cases.passed_judge()} if is_final else {"provisional": True}
    factories.grade(submission, 0.8, **judged)
    services.regrade(submission)
    assert Worker("judge", runner=TableRunner()).step()
    if is_final:
        assert submission.current.score.value == 0.8
        assert not Review.objects.filter(evaluation__number=2).exists()
    else:
        assert submission.current.number == 2 and not Standing.objects.exists()
        assert Review.objects.get().evaluation == submission.current
