"""Layers and plain products on oneDNN, which is faster on CPUs than the library that torch asks (MKL)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from workers.engine import abilities, onednn

TRIED = 24
"""Columns of a product in bf16 that is tried."""
ROUNDED = 2**-7
"""Largest error of its results beside the largest of them."""


class OneDnnLinear(nn.Linear):
    """A linear layer with the same weights; `x` `[..., in]` -> `[..., out]`.

    oneDNN's product knows no gradient, and for bf16 torch asks oneDNN anyway: both stay torch's own.
    """

    def forward(self, input: Tensor) -> Tensor:
        if input.dtype != torch.float32 or (torch.is_grad_enabled() and input.requires_grad):
            return nn.functional.linear(input, plain(self.weight), self.bias)
        return product(input, self.weight, self.bias)

    def taken(self, x: Tensor) -> Tensor:
        """`x` as the other methods take it. None of them knows of a bias."""
        return x

    def times(self, x: Tensor) -> Tensor:
        """The layer's output."""
        return product(x, self.weight)

    def swish(self, x: Tensor) -> Tensor:
        """SiLU of the layer's output, as `times_by` takes it."""
        return product(x, self.weight, None, "swish")

    def times_by(self, x: Tensor, factor: Tensor) -> Tensor:
        """The layer's output, multiplied by `factor` `[..., out]`, as the next layer takes it."""
        return product_with(x, self.weight, factor, "mul")

    def added(self, x: Tensor, to: Tensor, *, over: bool = False) -> Tensor:
        """The layer's output and `to` `[..., out]`, which may be written `over`."""
        return product_with(x, self.weight, to, "add")


class RoundedLinear(nn.Linear):
    """The same with bf16 weights between fp32 tensors: inputs are rounded, sums are in fp32.

    oneDNN's own library keeps the sums in fp32 (`onednn`). Without it torch multiplies, which rounds them: with oneDNN
    where its weight is packed, else as it can.
    """

    def forward(self, input: Tensor) -> Tensor:
        y = self.times(self.taken(input))
        return y if self.bias is None else y + self.bias

    def taken(self, x: Tensor) -> Tensor:
        return x.to(self.weight.dtype)

    def times(self, x: Tensor) -> Tensor:
        return self._summed(x) if onednn.fits(self.weight) else self._rounded(x).float()

    def swish(self, x: Tensor) -> Tensor:
        if onednn.fits(self.weight):
            return self._summed(x, then="swish")
        if self.weight.is_mkldnn:
            return product(x, self.weight, None, "swish")
        return nn.functional.silu(self.times(x))

    def times_by(self, x: Tensor, factor: Tensor) -> Tensor:
        if onednn.fits(self.weight):
            return self._summed(x, by=factor.flatten(0, -2), dtype=x.dtype)
        if self.weight.is_mkldnn:
            return product_with(x, self.weight, factor, "mul")
        return self.taken(self.times(x) * factor)

    def added(self, x: Tensor, to: Tensor, *, over: bool = False) -> Tensor:
        if onednn.fits(self.weight):
            return self._summed(x, add_to=(to if over else to.clone()).view(-1, self.out_features))
        return to + self._rounded(x)

    def _rounded(self, x: Tensor) -> Tensor:
        return product(x, self.weight) if self.weight.is_mkldnn else nn.functional.linear(x, self.weight)

    def _summed(self, x: Tensor, **after: Any) -> Tensor:
        y = onednn.product(x.reshape(-1, self.in_features).contiguous(), self.weight, **after)
        return y.view(*x.shape[:-1], self.out_features)


def keeps_sums(model: nn.Module) -> bool:
    """Whether a rounded model's layers give their sums in fp32."""
    layers = [module for module in model.modules() if isinstance(module, RoundedLinear)]
    return bool(layers) and all(onednn.fits(layer.weight) for layer in layers)


def use_onednn(model: nn.Module) -> None:
    """Lets plain linear layers of an fp32 model on the CPU compute with oneDNN, where torch has it."""
    if not abilities.here().onednn:
        return
    for module in model.modules():
        if type(module) is nn.Linear:
            module.__class__ = OneDnnLinear


def pack(model: nn.Module, keep: nn.Module | None = None) -> None:
    """Lays out the weights of this module's layers, but for those of `keep`, as oneDNN reads them in its products.

    Otherwise each product does so anew. Such a weight has its shape and dtype, but only `product` and `plain` take it.
    Weights in bf16 stay as they are where torch's oneDNN does not multiply by them.
    """
    machine = abilities.here()
    kinds = tuple(kind for kind, does in ((OneDnnLinear, machine.onednn), (RoundedLinear, machine.bf16)) if does)
    for module in model.modules():
        if isinstance(module, kinds) and module is not keep and not module.weight.is_mkldnn:
            module.weight = nn.Parameter(laid_out(module.weight.detach()), requires_grad=False)


def laid_out(weight: Tensor) -> Tensor:
    """`[out, in]` as oneDNN reads it in its products."""
    packed: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight, None)
    return packed


def plain(weight: Tensor) -> Tensor:
    """The weight itself, or the numbers of a packed one."""
    return weight.to_dense() if weight.is_mkldnn else weight


def works() -> bool:
    """Whether torch was built with oneDNN."""
    built = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return bool(built and hasattr(torch.ops.mkldnn, "_linear_pointwise"))


def multiplies_bf16() -> bool:
    """Tries whether torch's oneDNN packs weights in bf16, and multiplies by them, on this CPU."""
    x, weight = (torch.linspace(-2, 2, rows * TRIED).cos().view(rows, TRIED).bfloat16() for rows in (3, 5))
    try:
        found = product(x, laid_out(weight)).float()
    except RuntimeError:
        return False
    wanted = x.float() @ weight.float().T
    return bool((found - wanted).abs().max() <= ROUNDED * wanted.abs().max())


def product(x: Tensor, weight: Tensor, bias: Tensor | None = None, then: str = "none") -> Tensor:
    """`x` `[..., in]` times `weight` `[out, in]` transposed, on the CPU, without gradients; `then` may be `swish`."""
    y: Tensor = _pointwise()(x, weight, bias, then, [], "")
    return y


def product_with(x: Tensor, weight: Tensor, other: Tensor, operation: str) -> Tensor:
    """The same, of one dtype with `other` `[..., out]`, to which it is added (`add`) or by which it is multiplied
    (`mul`) while it is in registers."""
    y: Tensor = _pointwise().binary(x, other, weight, None, operation)
    return y


def forward_and_back(x: Tensor) -> tuple[Any, Any]:
    """How tensors like `x` are best multiplied by a frozen `weight` `[out, in]` where gradients are found by hand.

    The first takes `(x, weight, bias)`, `x` `[M, in]`, as `nn.functional.linear`; the second `(g, weight)`, `g`
    `[M, out]`, for the gradient of `x`. oneDNN saves at least three times what a transposed copy of the weight costs.
    """
    if x.dtype == torch.float32 and x.device.type == "cpu" and abilities.here().onednn:
        return product, lambda g, weight: product(g.contiguous(), weight.T.contiguous())
    return nn.functional.linear, torch.matmul


def part(layer: nn.Linear, columns: slice, x: Tensor) -> Tensor:
    """Some of a layer's outputs: `[..., in]` -> `[..., columns]`."""
    weight, bias = layer.weight[columns], None if layer.bias is None else layer.bias[columns]
    if isinstance(layer, OneDnnLinear) and x.dtype == weight.dtype == torch.float32:
        return product(x, weight, bias)
    return nn.functional.linear(x, weight, bias)


def _pointwise() -> Any:
    return torch.ops.mkldnn._linear_pointwise
