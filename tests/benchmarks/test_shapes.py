import pytest

from benchmarks.work.shapes import shape


@pytest.mark.parametrize("text", ["", "1000/60/200", "0/60/200/5", "a/b/c/d", "1/2/3/4x3", "-1/2/3/4"])
def test_what_is_no_shape_says_what_is_wanted(text):
    with pytest.raises(ValueError, match=r"P/S/N/L|at least 1"):
        shape(text)
