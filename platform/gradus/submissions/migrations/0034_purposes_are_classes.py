from django.db import migrations, models

from gradus.submissions.purposes import known_purpose


class Migration(migrations.Migration):
    dependencies = [("submissions", "0033_withdraw_worker_roles")]

    operations = [
        migrations.AlterField(
            model_name="run",
            name="purpose",
            field=models.CharField(default="trial", max_length=10, validators=[known_purpose]),
        ),
    ]
