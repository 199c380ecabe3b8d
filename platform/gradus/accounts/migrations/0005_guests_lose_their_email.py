from django.db import migrations


def blank(apps, schema_editor):
    """Only a form of the admin can have given a guest an email; nobody can sign in with it."""
    apps.get_model("accounts", "User").objects.filter(is_guest=True).exclude(email="").update(email="")


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_networks_exempt_from_limits"),
    ]

    operations = [
        migrations.RunPython(blank, migrations.RunPython.noop),
    ]
