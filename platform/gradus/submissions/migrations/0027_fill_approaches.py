"""Gives entries that were reached before their approach, from the attempt behind each."""

from collections import defaultdict
from itertools import islice
from typing import Any

from django.db import migrations

from challenges import payloads

ROWS = 500


def fill(apps: Any, schema_editor: Any) -> None:
    standings = apps.get_model("submissions", "Standing").objects
    rows = standings.order_by().values_list("pk", "submission__payload").iterator(chunk_size=ROWS)
    while some := list(islice(rows, ROWS)):
        found = defaultdict(list)
        for pk, payload in some:
            found[payloads.approach_of(payload)].append(pk)
        for approach, keys in found.items():
            standings.filter(pk__in=keys).update(approach=approach)


class Migration(migrations.Migration):
    dependencies = [("submissions", "0026_approach_of_an_entry")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
