"""What is wrong with the form of a model's output, in sentences that are stored with its row."""

from __future__ import annotations

from collections.abc import Sequence

from challenges.translation import gettext_noop, translated

NO_LABEL = gettext_noop("The output does not start with a label.")
NO_OBJECT = gettext_noop("The output contains no complete JSON object.")
MISSING = gettext_noop("These fields are missing: %(names)s.")
NOT_ALLOWED = gettext_noop("These fields have values that are not allowed: %(names)s.")
BOTH = gettext_noop("These fields are missing: %(missing)s. These have values that are not allowed: %(names)s.")
NOTHING_FOUND = gettext_noop("Nothing that was found reaches the lowest score.")


def of_fields(missing: Sequence[str], not_allowed: Sequence[str]) -> str:
    """What is wrong with the fields of a JSON object, in English; empty if nothing is."""
    if not missing and not not_allowed:
        return ""
    template = BOTH if missing and not_allowed else MISSING if missing else NOT_ALLOWED
    return template % {"missing": ", ".join(missing), "names": ", ".join(not_allowed or missing)}


def shown(stored: str) -> str:
    """A stored sentence in the reader's language."""
    return translated(stored, (BOTH, MISSING, NOT_ALLOWED))
