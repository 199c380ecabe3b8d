import pytest

from workers.grading.outcomes import detect_language, is_of_another_language


@pytest.mark.parametrize(
    ("answer", "language"),
    [
        ("Because the weights keep old facts, whereas a look-up reads the newest ones.", "en"),
        ("Weil die Gewichte alte Fakten behalten, schlägt man sie lieber nach.", "de"),
        ("Los precios cambian cada semana, por eso conviene buscarlos en el catálogo.", "es"),
        ("因为价格每周都会变化、所以应该检索目录、而不是训练模型。", "zh"),
        ("The prices is changing all weeks so is better RAG, you put documents in data base.", "en"),
    ],
)
def test_the_language_of_an_answer(answer, language):
    assert detect_language(answer) == language


@pytest.mark.parametrize("answer", ["", "   ", "RAG.", "LoRA, RAG, SFT"])
def test_too_little_to_tell(answer):
    assert detect_language(answer) == ""


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


def test_a_question_that_is_too_short_to_tell_has_no_language():
    assert not is_of_another_language("Los precios cambian cada semana, por eso conviene buscarlos.", "RAG?")
