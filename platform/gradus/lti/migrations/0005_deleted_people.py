import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("lti", "0004_registration_links"),
    ]

    operations = [
        migrations.CreateModel(
            name="DeletedPerson",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("digest", models.CharField(max_length=64)),
                (
                    "platform",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="lti.platform"),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("platform", "digest"), name="one_deleted_person_of_a_digest")
                ],
            },
        ),
    ]
