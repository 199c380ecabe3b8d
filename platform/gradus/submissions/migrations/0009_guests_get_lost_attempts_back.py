from django.db import migrations


def give_back(apps, schema_editor):
    """Until now a refund gave the day's attempt back and left the guest's own slot taken."""
    apps.get_model("submissions", "GuestSlot").objects.filter(submission__refund__isnull=False).delete()


class Migration(migrations.Migration):
    dependencies = [("submissions", "0008_slots_store_what_was_allowed")]

    operations = [migrations.RunPython(give_back, migrations.RunPython.noop)]
