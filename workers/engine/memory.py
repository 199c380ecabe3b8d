"""Whether a computation ran out of memory."""

from __future__ import annotations

NO_MEMORY = ("allocate memory", "out of memory")
# oneDNN does not say why it has no primitive; with shapes and types that work in small it is memory.
NO_PRIMITIVE = ("could not create a primitive", "could not execute a primitive")


def ran_out(error: BaseException, *, shapes_fit: bool = True) -> bool:
    """Whether an error of torch or Python means that there was no memory; what oneDNN says, only where shapes fit."""
    words = NO_MEMORY + NO_PRIMITIVE * shapes_fit
    return isinstance(error, MemoryError) or any(word in str(error) for word in words)
