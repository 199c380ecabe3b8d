"""An account keeps the address that it lost to its owner, so that its password still opens it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0015_merge_accounts"),
    ]

    operations = [
        migrations.AddField(
            model_name="user",
            name="lost_email",
            field=models.EmailField(
                blank=True,
                editable=False,
                help_text="An address that its owner has confirmed elsewhere; the password still signs in with it",
                max_length=254,
                null=True,
            ),
        ),
        migrations.AddIndex(
            model_name="user",
            index=models.Index(
                condition=models.Q(("lost_email__isnull", False)), fields=["lost_email"], name="lost_addresses"
            ),
        ),
    ]
