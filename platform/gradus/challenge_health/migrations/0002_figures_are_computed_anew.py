"""Figures that were kept count what learners cancelled as failures, and lists of documents as wholes."""

from __future__ import annotations

from typing import Any

from django.db import migrations


def outdate(apps: Any, schema_editor: Any) -> None:
    apps.get_model("challenge_health", "Figures").objects.update(is_stale=True)


class Migration(migrations.Migration):
    dependencies = [("challenge_health", "0001_initial")]

    # Backwards there is nothing to do: figures that are computed again are never wrong.
    operations = [migrations.RunPython(outdate, migrations.RunPython.noop)]
