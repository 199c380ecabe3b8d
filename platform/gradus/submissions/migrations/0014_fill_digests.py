"""Gives answers in free text that were handed in before the digest of their text, waiting or not."""

from itertools import islice
from typing import Any

from django.db import migrations

from challenges import texts

ROWS = 500


def fill(apps: Any, schema_editor: Any) -> None:
    submissions = apps.get_model("submissions", "Submission").objects
    answers = submissions.filter(kind="free_text").only("payload").iterator(chunk_size=ROWS)
    while some := list(islice(answers, ROWS)):
        for one in some:
            one.text_digest = texts.digest(one.payload.get("answer", ""))
        submissions.bulk_update(some, ["text_digest"])


class Migration(migrations.Migration):
    dependencies = [("submissions", "0013_digest_answers")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
