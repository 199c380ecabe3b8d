"""bf16 products whose sums stay in fp32, by oneDNN's own library: torch's copy of it gives them rounded.

Called through its C API (oneDNN 3; "Matrix Multiplication" and "Primitive Attributes: Post-ops" in its developer
guide), on weights that torch has packed, and on plain ones. The package is there for Linux on x86-64 alone.
"""

from __future__ import annotations

import ctypes
import math
import weakref
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from threading import Lock
from typing import Any

import torch
from torch import Tensor
from torch.library import Library

from workers.engine import abilities

PACKAGE, LIBRARY = "onednn-cpu-gomp", "libdnnl.so.3"
DTYPES = {torch.bfloat16: 2, torch.float32: 3}
# Values of the library's enumerations.
CPU, IN_ORDER, ANY_LAYOUT, WEIGHTS_DESCRIPTION, MULTIPLICATION = 1, 1, 1, 131, 0x1FFF1
ELEMENTWISE = {"exp": 0x2A, "swish": 0x2C}
SRC, DST, WEIGHTS = 1, 17, 33
FURTHER, AFTER = 2, 1 << 15
"""A step's own input, the first step's and so on."""
TYPICAL_ROWS = 1024
"""Rows for which torch lays out weights as well."""
PRIMITIVES, LAYOUTS = 1024, 256
TRIED_ROWS, TRIED_IN, TRIED_OUT = 5, 24, 40
ALIKE = 1e-4
"""Largest error of a trial beside its largest number: sums of both are in fp32."""
ROUNDED = 2**-8
"""The same of results in bf16."""
SEEN = 251
"""Numbers by which a layout is told: bf16 holds them, and no size of a block is a divisor."""

_lock = Lock()
"""A primitive's memory objects are pointed at tensors before each call."""


class Argument(ctypes.Structure):
    """One of a primitive's memory objects."""

    _fields_ = [("index", ctypes.c_int), ("memory", ctypes.c_void_p)]


class Handle:
    """An object of the library, destroyed with this one."""

    def __init__(self, kind: str, make: Callable[[Any], int]) -> None:
        self.value = ctypes.c_void_p()
        if status := make(ctypes.byref(self.value)):
            raise RuntimeError(f"could not create a primitive: oneDNN's status {status} for a {kind}")
        weakref.finalize(self, getattr(_library(), f"dnnl_{kind}_destroy"), self.value)


def product(
    x: Tensor,
    weight: Tensor,
    *,
    then: str = "",
    by: Tensor | None = None,
    add_to: Tensor | None = None,
    out: Tensor | None = None,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """`x` `[..., M, in]` times the transpose of `weight` `[..., out, in]`: `[..., M, out]`, summed in fp32.

    A packed weight, which has no dimension but these two, must be one that `fits`. The sums may go through `exp` or
    `swish` or be multiplied by `by` `[..., M, out]`. They are added to `add_to`, which then holds them, or stand in
    `out`, or in a new tensor of `dtype`.
    """
    shape, into = (*x.shape[:-1], weight.shape[-2]), add_to if add_to is not None else out
    y = torch.empty(shape, dtype=dtype) if into is None else into
    if x.shape[:-2] != weight.shape[:-2] or x.shape[-1] != weight.shape[-1] or x.dtype != weight.dtype:
        raise ValueError(f"{tuple(x.shape)} {x.dtype} times {tuple(weight.shape)} {weight.dtype}")
    for one in (y,) if by is None else (y, by):
        if one.shape != shape or not one.is_contiguous():
            raise ValueError(f"{tuple(one.shape)} with strides {one.stride()} is not laid out like the product")
    if x.stride(-1) != 1 or not (weight.is_mkldnn or 1 in weight.stride()[-2:]):
        raise ValueError("x is not laid out row by row, or the weight neither by rows nor by columns")
    if not (x.shape[-1] and {one.dtype for one in (x, y, x if by is None else by)} <= DTYPES.keys()):
        raise ValueError(f"times nothing, or not in {', '.join(map(str, DTYPES))}")
    if y.numel():
        torch.ops.gradus.product(x, weight, y, then, by, add_to is not None)
    return y


def _product(x: Tensor, weight: Tensor, y: Tensor, then: str, by: Tensor | None, add: bool) -> None:
    layout, factor = None if weight.is_mkldnn else weight.stride(), None if by is None else by.dtype
    kind = (x.shape, x.stride(), weight.shape[-2], layout, x.dtype, y.dtype, then, factor, add)
    _primitive(*kind).run(x, weight, y, by)


_operators = Library("gradus", "DEF")  # type: ignore[no-untyped-call]
"""An operator of torch, so that what watches these (a profiler, the benchmark) sees the products too."""
_operators.define("product(Tensor x, Tensor weight, Tensor(a!) y, str then, Tensor? by, bool add) -> ()")  # type: ignore[no-untyped-call]
_operators.impl("product", _product, "CompositeExplicitAutograd")  # type: ignore[no-untyped-call]


class Primitive:
    """A product of one shape with what follows it."""

    def __init__(
        self, shape: Sequence[int], strides: Sequence[int], out: int, layout: Sequence[int] | None,
        dtype: torch.dtype, made: torch.dtype, then: str, factor: torch.dtype | None, add: bool,
    ) -> None:  # fmt: skip
        library, engine = _library(), _engine().value
        *many, rows, width = shape
        x, y = _description(shape, strides, dtype), _contiguous((*many, rows, out), made)
        if layout is None:
            kept, weight = None, _layout(out, width, dtype)
        else:
            kept = _description((*many, width, out), (*layout[:-2], layout[-1], layout[-2]), dtype)
            weight = kept.value
        after = Handle("post_ops", library.dnnl_post_ops_create)
        one, zero = ctypes.c_float(1), ctypes.c_float(0)
        places = {SRC: _memory(x.value, engine), WEIGHTS: _memory(weight, engine), DST: _memory(y.value, engine)}
        if then:
            _checked(library.dnnl_post_ops_append_eltwise(after.value, ELEMENTWISE[then], one, zero))
        if factor is not None:
            by = _contiguous((*many, rows, out), factor)
            _checked(library.dnnl_post_ops_append_binary(after.value, MULTIPLICATION, by.value))
            places[AFTER * (2 if then else 1) | FURTHER] = _memory(by.value, engine)
        if add:
            _checked(library.dnnl_post_ops_append_sum(after.value, one, ctypes.c_int32(0), 0))
        settings = Handle("primitive_attr", library.dnnl_primitive_attr_create)
        _checked(library.dnnl_primitive_attr_set_post_ops(settings.value, after.value))
        kind = _product_kind(x.value, weight, y.value, settings.value)
        self._primitive = Handle("primitive", lambda to: library.dnnl_primitive_create(to, kind.value))
        self._memories = list(places.values())
        self._arguments = _arguments(*places.items())

    def run(self, x: Tensor, weight: Tensor, y: Tensor, by: Tensor | None) -> None:
        start = torch.ops.mkldnn.data_ptr(weight) if weight.is_mkldnn else weight.data_ptr()
        addresses = [x.data_ptr(), start, y.data_ptr()] + ([] if by is None else [by.data_ptr()])
        with _lock:
            for memory, address in zip(self._memories, addresses, strict=True):
                _point(memory, address)
            _execute(self._primitive, self._arguments)


def works() -> bool:
    """Tries whether the library is here, loads, reads what torch has packed, and computes what torch computes."""
    try:
        return _tried()
    except (OSError, AttributeError, RuntimeError):
        return False


def fits(weight: Tensor) -> bool:
    """Whether `product` takes this weight, as torch has packed it."""
    known = weight.is_mkldnn and weight.dtype in DTYPES and abilities.here().library
    return known and _same_layout(*weight.shape, weight.dtype)


def _tried() -> bool:
    x, weight = (torch.linspace(-2, 2, n * TRIED_IN).cos().view(n, -1).bfloat16() for n in (TRIED_ROWS, TRIED_OUT))
    if not _same_layout(TRIED_OUT, TRIED_IN, weight.dtype):
        return False
    packed, sums = torch.ops.mkldnn._reorder_linear_weight(weight, None), x.float() @ weight.float().T
    pairs = (
        (product(x, packed), sums),
        (product(x, packed, then="exp"), sums.exp()),
        (product(x, packed, then="swish"), torch.nn.functional.silu(sums)),
        (product(x, packed, by=sums.sin()), sums * sums.sin()),
        (product(x, packed, add_to=sums.sin()), sums + sums.sin()),
    )
    return all(_alike(found, wanted, ALIKE) for found, wanted in pairs) and _tried_many(x, weight, sums)


def _tried_many(x: Tensor, weight: Tensor, sums: Tensor) -> bool:
    """The same of products at once by weights that are not packed, with results in bf16."""
    rounded = product(x.unsqueeze(0), weight.unsqueeze(0), then="exp", dtype=x.dtype)
    wanted = rounded.float() @ rounded.float().mT
    return _alike(rounded[0].float(), sums.exp(), ROUNDED) and _alike(product(rounded, rounded), wanted, ALIKE)


def _alike(found: Tensor, wanted: Tensor, near: float) -> bool:
    return bool((found - wanted).abs().max() <= near * wanted.abs().max())


@lru_cache(maxsize=LAYOUTS)
def _same_layout(out: int, width: int, dtype: torch.dtype) -> bool:
    """Whether torch's copy lays out a weight of this shape as the library does, seen on numbers."""
    library, engine = _library(), _engine().value
    weight = torch.arange(out * width, dtype=torch.int32).remainder_(SEEN).to(dtype).view(out, width)
    theirs, layout = torch.ops.mkldnn._reorder_linear_weight(weight, None), _layout(out, width, dtype)
    count = library.dnnl_memory_desc_get_size(layout)
    if torch.ops.mkldnn._nbytes(theirs) != count:
        return False
    ours, plain = torch.empty(count, dtype=torch.uint8), _description((width, out), (1, width), dtype)
    start, end = _memory(plain.value, engine), _memory(layout, engine)
    _point(start, weight.data_ptr())
    _point(end, ours.data_ptr())
    make = library.dnnl_reorder_primitive_desc_create
    kind = Handle("primitive_desc", lambda to: make(to, plain.value, engine, layout, engine, None))
    _execute(
        Handle("primitive", lambda to: library.dnnl_primitive_create(to, kind.value)),
        _arguments((SRC, start), (DST, end)),
    )
    held = (ctypes.c_char * count).from_address(torch.ops.mkldnn.data_ptr(theirs))
    return torch.equal(ours, torch.frombuffer(held, dtype=torch.uint8))


@lru_cache(maxsize=1)
def _library() -> Any:
    """Raises `OSError` where the package is missing."""
    try:
        files = distribution(PACKAGE).files or []
    except PackageNotFoundError as error:
        raise OSError(f"{PACKAGE} is not installed") from error
    library = ctypes.CDLL(next((str(Path(file.locate())) for file in files if file.name == LIBRARY), LIBRARY))
    pointer = ctypes.c_void_p
    library.dnnl_memory_desc_get_size.restype = ctypes.c_size_t
    library.dnnl_primitive_desc_query_md.restype = pointer
    library.dnnl_memory_set_data_handle.argtypes = [pointer, pointer]
    return library


@lru_cache(maxsize=1)
def _engine() -> Handle:
    make = _library().dnnl_engine_create
    return Handle("engine", lambda to: make(to, CPU, ctypes.c_size_t(0)))


@lru_cache(maxsize=1)
def _stream() -> Handle:
    make, engine = _library().dnnl_stream_create, _engine().value
    return Handle("stream", lambda to: make(to, engine, IN_ORDER))


@lru_cache(maxsize=PRIMITIVES)
def _primitive(*shape: Any) -> Primitive:
    return Primitive(*shape)


@lru_cache(maxsize=LAYOUTS)
def _chosen(out: int, width: int, dtype: torch.dtype) -> Handle:
    """A product that has chosen the layout of its weights."""
    x = _description((TYPICAL_ROWS, width), (width, 1), dtype)
    y = _description((TYPICAL_ROWS, out), (out, 1), torch.float32)
    shape, make = (ctypes.c_int64 * 2)(width, out), _library().dnnl_memory_desc_create_with_tag
    weight = Handle("memory_desc", lambda to: make(to, 2, shape, DTYPES[dtype], ANY_LAYOUT))
    return _product_kind(x.value, weight.value, y.value, None)


def _layout(out: int, width: int, dtype: torch.dtype) -> ctypes.c_void_p:
    """As long as the product that chose it is kept."""
    kind = _chosen(out, width, dtype).value
    return ctypes.c_void_p(_library().dnnl_primitive_desc_query_md(kind, WEIGHTS_DESCRIPTION, 0))


def _product_kind(x: Any, weight: Any, y: Any, settings: Any) -> Handle:
    make, engine = _library().dnnl_matmul_primitive_desc_create, _engine().value
    return Handle("primitive_desc", lambda to: make(to, engine, x, weight, None, y, settings))


def _description(shape: Sequence[int], strides: Sequence[int], dtype: torch.dtype) -> Handle:
    sizes, steps = ((ctypes.c_int64 * len(some))(*some) for some in (shape, strides))
    make = _library().dnnl_memory_desc_create_with_strides
    return Handle("memory_desc", lambda to: make(to, len(shape), sizes, DTYPES[dtype], steps))


def _contiguous(shape: Sequence[int], dtype: torch.dtype) -> Handle:
    return _description(shape, [math.prod(shape[at + 1 :]) for at in range(len(shape))], dtype)


def _memory(description: ctypes.c_void_p, engine: ctypes.c_void_p) -> Handle:
    """A memory object that points nowhere yet."""
    make = _library().dnnl_memory_create
    return Handle("memory", lambda to: make(to, description, engine, None))


def _point(memory: Handle, address: int) -> None:
    _checked(_library().dnnl_memory_set_data_handle(memory.value, address))


def _arguments(*places: tuple[int, Handle]) -> Any:
    return (Argument * len(places))(*(Argument(index, memory.value) for index, memory in places))


def _execute(primitive: Handle, arguments: Any) -> None:
    execute, stream = _library().dnnl_primitive_execute, _stream().value
    _checked(execute(primitive.value, stream, len(arguments), arguments))


def _checked(status: int) -> None:
    if status:
        raise RuntimeError(f"could not execute a primitive: oneDNN's status {status}")
