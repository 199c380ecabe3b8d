"""Products of oneDNN's own library beside the same in float64."""

import ctypes
from importlib.metadata import PackageNotFoundError

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tests.workers.machine import needs_library, needs_onednn
from workers.engine import abilities, linear, models, onednn
from workers.engine.linear import RoundedLinear, laid_out

AFTER = {"exp": torch.exp, "swish": nn.functional.silu}


def some(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@needs_library
@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 70), st.integers(1, 100), st.integers(1, 100), st.booleans(),
    st.sampled_from(["", "exp", "swish", "by", "add", "out", "gaps"]),
)  # fmt: skip
def test_product_is_that_of_the_numbers_it_is_given(rows, width, out, low, way):
    dtype = torch.bfloat16 if low else torch.float32
    x, weight = some(rows, 2 * width).to(dtype)[:, :width], (some(out, width, seed=2) / width**0.5).to(dtype)
    x = x if way == "gaps" else x.contiguous()
    sums, other = x.double() @ weight.double().T, some(rows, out, seed=3)
    packed = laid_out(weight)
    packed = packed if onednn.fits(packed) else weight
    if way in AFTER:
        found, wanted = onednn.product(x, packed, then=way), AFTER[way](sums)
    elif way == "by":
        found, wanted = onednn.product(x, packed, by=other), sums * other
    elif way == "add":
        held = other.clone()
        found, wanted = onednn.product(x, packed, add_to=held), sums + other
        assert found is held
    elif way == "out":
        found, wanted = onednn.product(x, packed, out=other), sums
        assert found is other
    else:
        found, wanted = onednn.product(x, packed), sums
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), wanted, atol=1e-5, rtol=1e-4)


@needs_library
@settings(deadline=None, max_examples=40)
@given(
    st.integers(1, 4), st.integers(1, 30), st.integers(1, 40), st.integers(1, 40), st.booleans(), st.booleans(),
    st.booleans(),
)  # fmt: skip
def test_many_products_at_once_read_plain_numbers_by_rows_or_columns(many, rows, width, out, low, columns, exp):
    dtype = torch.bfloat16 if low else torch.float32
    x = some(many, rows, width).to(dtype)
    weight = some(many, 2 * out, width, seed=2).to(dtype)[:, :out] / width**0.5
    weight = weight.mT.contiguous().mT if columns else weight
    sums = x.double() @ weight.double().mT
    for one, other, wanted in ((x, weight, sums), (x[0], weight[0], sums[0])):
        found = onednn.product(one, other, then="exp" if exp else "")
        wanted = wanted.exp() if exp else wanted
        torch.testing.assert_close(found.double(), wanted, atol=1e-5, rtol=1e-4)
        if low:
            rounded = onednn.product(one, other, then="exp" if exp else "", dtype=dtype)
            torch.testing.assert_close(rounded.double(), wanted, atol=1e-5, rtol=2**-8)


@needs_library
@pytest.mark.parametrize("dtype", onednn.DTYPES)
@pytest.mark.parametrize("shape", [(1536, 576), (576, 1536), (192, 576), (420, 50), (49152, 578), (24, 48)])
def test_weights_of_models_are_multiplied_rightly_whether_they_fit_or_not(shape, dtype):
    """On another CPU torch may lay out some of them as the library does not: then torch's own product is taken."""
    weight, x = (some(shape[0], shape[1]) / shape[1] ** 0.5).to(dtype), some(5, shape[1], seed=2).to(dtype)
    packed, wanted = laid_out(weight), x.double() @ weight.double().T
    fits = onednn.fits(packed)
    found = onednn.product(x, packed) if fits else linear.product(x, packed)
    near = 2**-7 if dtype == torch.bfloat16 and not fits else 1e-4
    torch.testing.assert_close(found.double(), wanted, atol=near, rtol=near)
    if not fits:
        pytest.skip("torch lays out weights of this shape otherwise")


@needs_library
def test_products_of_one_shape_follow_their_tensors():
    """What is kept of a shape points at the tensors of each call, and results may be rounded."""
    weights = [some(30, 20, seed=n).bfloat16() for n in range(2)]
    packed = [laid_out(weight) for weight in weights]
    for n in (0, 1, 0):
        x = some(9, 20, seed=n + 5).bfloat16()
        found = onednn.product(x, packed[n], dtype=torch.bfloat16)
        assert found.dtype == torch.bfloat16
        torch.testing.assert_close(found.float(), x.float() @ weights[n].float().T, atol=1e-2, rtol=1e-2)
    assert onednn.product(x[:0], packed[0]).shape == (0, 30)


@needs_library
@pytest.mark.parametrize(
    "given",
    [
        {"x": some(5, 21)}, {"x": some(2, 5, 20)}, {"x": some(5, 20).bfloat16()}, {"x": some(20, 5).T},
        {"out": torch.zeros(4, 30)}, {"x": some(5, 0), "weight": some(30, 0)}, {"by": torch.zeros(5, 30).double()},
        {"add_to": torch.zeros(30, 5).T}, {"by": torch.zeros(5, 1)}, {"by": torch.zeros(5, 60)[:, ::2]},
    ],
    ids=[
        "width", "many", "dtype", "columns", "rows", "nothing", "double", "gaps in a sum", "one factor",
        "gaps in factors",
    ],
)  # fmt: skip
def test_tensors_that_do_not_go_together_are_refused(given):
    """The library would read and write beyond them."""
    x, weight, after = some(5, 20), laid_out(some(30, 20)), dict(given)
    with pytest.raises(ValueError, match=r"times|laid out"):
        onednn.product(after.pop("x", x), after.pop("weight", weight), **after)


@needs_library
def test_weights_in_another_layout_do_not_fit(monkeypatch):
    assert onednn.fits(laid_out(some(64, 48))) and not onednn.fits(some(64, 48))
    monkeypatch.setattr(onednn, "_layout", lambda out, width, dtype: plain.value)
    plain = onednn._description((48, 64), (1, 48), torch.float32)
    onednn._same_layout.cache_clear()
    assert not onednn.fits(laid_out(some(64, 48)))
    onednn._same_layout.cache_clear()


@pytest.mark.parametrize("missing", ["package", "file", "symbol", "right numbers"])
def test_a_library_that_cannot_be_used_is_left_alone(monkeypatch, missing):
    def fails(*_):
        raise PackageNotFoundError(onednn.PACKAGE) if missing == "package" else OSError("no such file")

    if missing == "symbol":
        monkeypatch.setattr(onednn, "_library", lambda: ctypes.CDLL(None))
    elif missing == "right numbers":
        monkeypatch.setattr(onednn, "product", lambda x, weight, **_: torch.ones(len(x), len(weight)))
    else:
        onednn._library.cache_clear()
        monkeypatch.setattr(*((onednn, "distribution") if missing == "package" else (ctypes, "CDLL")), fails)
    assert not onednn.works()


def test_nothing_is_tried_that_needs_what_is_missing(monkeypatch):
    """A library that reads packed weights is of no use where torch packs none in bf16."""
    monkeypatch.setattr(linear, "multiplies_bf16", lambda: False)
    monkeypatch.setattr(onednn, "works", lambda: pytest.fail("tried without bf16"))
    found = abilities.here.__wrapped__()
    assert not (found.bf16 or found.library or found.rows_in_line)


@pytest.mark.parametrize("wrong", ["refused", "other numbers"])
def test_bf16_that_torch_refuses_or_gets_wrong_is_not_used(monkeypatch, wrong):
    """CPUs without AVX-512 refuse to pack it."""

    def packed(weight):
        if wrong == "refused":
            raise RuntimeError("bf16 path needs the cpu support avx_ne_convert or avx512bw")
        return weight.flip(0)

    monkeypatch.setattr(linear, "laid_out", packed)
    assert not linear.multiplies_bf16()


@needs_onednn
@pytest.mark.parametrize("missing", [("library", "bf16"), ("library",), pytest.param((), marks=needs_library)])
def test_rounded_layer_rounds_what_it_is_given_and_its_sums_only_without_the_library(without, missing):
    without(*missing)
    bare = nn.Sequential(nn.Linear(40, 30).requires_grad_(False))
    bare.device, bare.get_output_embeddings = torch.device("cpu"), lambda: None
    made = models.rounded(bare)
    library = onednn.fits(made[0].weight)
    assert made[0].weight.is_mkldnn == abilities.here().bf16
    x, low = some(40, 9).T, bare[0].weight.bfloat16().double()
    sums = x.bfloat16().double() @ low.T
    error = (made(x) - bare[0].bias - sums).abs().max().item()
    assert (error < 1e-5) == library and error < 1e-2
    assert linear.keeps_sums(made) == library and not linear.keeps_sums(bare)
    layer = made[0]
    assert isinstance(layer, RoundedLinear)
    other, given = some(9, 30, seed=4), layer.taken(x)
    kept = other.clone()
    torch.testing.assert_close(layer.added(given, other).double(), sums + other, atol=2e-2, rtol=1e-2)
    assert torch.equal(other, kept)
    gate = layer.swish(given)
    found, wanted = layer.times_by(given, gate), sums * nn.functional.silu(sums)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.double(), wanted, atol=2e-2, rtol=2e-2)
