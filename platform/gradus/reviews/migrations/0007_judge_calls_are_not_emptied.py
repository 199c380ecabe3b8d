"""PostgreSQL's TRUNCATE fires no trigger of a row: the log of judge calls is guarded against it as a whole."""

from django.db import migrations

from gradus import append_only

TABLE, MESSAGE = "reviews_judgecall", "a logged call stays with its evaluation"


def install(apps, schema_editor):
    append_only.install(schema_editor, TABLE, MESSAGE, "truncate")


def remove(apps, schema_editor):
    append_only.remove(schema_editor, TABLE, "truncate")


class Migration(migrations.Migration):
    dependencies = [("reviews", "0006_judge_calls_are_append_only_and_priced")]

    operations = [migrations.RunPython(install, remove)]
