import pytest

from workers.grading.outcomes import detect_language


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
