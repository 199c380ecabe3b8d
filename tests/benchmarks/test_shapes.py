import pytest

from benchmarks.work.shapes import Shape, TrainShape, any_shape, shape, train_shape


@pytest.mark.parametrize("text", ["1000/60/200/5", "1000/60/200/6x2", "300/20/10/0"])
def test_a_shape_reads_as_it_is_written(text):
    assert str(shape(text)) == text


def test_labels_have_one_token_unless_told():
    assert shape("1/2/3/4") == Shape(1, 2, 3, 4, 1)
    assert shape(" 1/2/3/4x2 ") == Shape(1, 2, 3, 4, 2)


@pytest.mark.parametrize("text", ["", "1000/60/200", "0/60/200/5", "a/b/c/d", "1/2/3/4x3", "-1/2/3/4"])
def test_what_is_no_shape_says_what_is_wanted(text):
    with pytest.raises(ValueError, match=r"P/S/N/L|at least 1"):
        shape(text)


def test_training_shapes():
    assert train_shape("300/60/3") == TrainShape(300, 60, 3)
    assert str(train_shape("300/60/3")) == "300/60/3"
    for text in ("300/60", "300/60/0", "x"):
        with pytest.raises(ValueError, match="rows/tokens/epochs"):
            train_shape(text)


@pytest.mark.parametrize(("text", "output"), [("1/2/3/4", "label"), ("1/2/3/0", "json"), ("300/60/3", "lora")])
def test_the_form_of_a_shape_says_what_comes_out(text, output):
    assert any_shape(text).output == output
