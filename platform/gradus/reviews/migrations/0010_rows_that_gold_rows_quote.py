from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("reviews", "0009_regrade_of_one_learner")]

    operations = [
        migrations.AddField(
            model_name="goldrow",
            name="quoted",
            field=models.JSONField(editable=False, help_text="Rows of a run that the answer quotes, if any", null=True),
        ),
    ]
