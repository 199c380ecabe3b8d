"""Computes what the members that exist already are sorted by."""

from django.db import migrations

from gradus.classes.name_order import name_key

BATCH = 500


def fill(apps, schema_editor):
    members = apps.get_model("classes", "Member").objects.only("first_name", "last_name", "email", "login")
    batch = []
    for member in members.iterator(chunk_size=BATCH):
        member.name_key = name_key(member.first_name, member.last_name, member.email or member.login)
        batch.append(member)
        if len(batch) == BATCH:
            members.model.objects.bulk_update(batch, ["name_key"])
            batch.clear()
    members.model.objects.bulk_update(batch, ["name_key"])


class Migration(migrations.Migration):
    dependencies = [("classes", "0009_member_name_key")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
