"""What must be installed on a worker to grade a kind of challenge."""

from __future__ import annotations

from importlib.util import find_spec

from challenges import kinds
from workers.remote import EngineMisconfigured


def expect_packages(kind: str) -> None:
    """Raises `EngineMisconfigured`, which names what is missing and how to install it."""
    missing = [f"`{name}`" for name in kinds.find(kind).packages if find_spec(name) is None]
    if missing:
        names = " and ".join(missing)
        raise EngineMisconfigured(
            f"{names} cannot be imported on this worker. Run: pip install 'gradus[worker]', and restart the workers."
        )
