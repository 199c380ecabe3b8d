"""The name under which pip knows Gradus, and how this copy of it gets the packages of an extra.

The name `gradus` belongs to another project on the package index: only the command, the packages and the settings are
called so.
"""

from __future__ import annotations

import json
from importlib.metadata import distribution, requires, version

NAME = "gradus-courses"


def release() -> str:
    """Returns the version of Gradus that is installed."""
    return version(NAME)


def requirements() -> list[str]:
    """Returns what Gradus requires, as pip reads it. What only an extra brings names it."""
    return requires(NAME) or []


def install(extra: str) -> str:
    """Returns the command that installs an extra for this copy, by the way in which the copy was installed."""
    if _is_checkout():
        return f"pip install -e '.[{extra}]' (in Gradus' folder)"
    return f"pip install '{NAME}[{extra}]'"


def _is_checkout() -> bool:
    """Tells whether pip installed a folder with `-e`, which it notes in a file of its own."""
    origin = json.loads(distribution(NAME).read_text("direct_url.json") or "{}")
    return bool(origin.get("dir_info", {}).get("editable"))
