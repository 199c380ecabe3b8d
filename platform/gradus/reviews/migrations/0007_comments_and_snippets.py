import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from gradus.reviews import triggers


class Migration(migrations.Migration):
    dependencies = [
        ("courses", "0006_earlier_rules_open_no_gate"),
        ("reviews", "0006_follow_or_withdraw"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        # SQLite makes the table anew, which drops its triggers.
        migrations.RunPython(triggers.remove_decisions, triggers.install_decisions),
        migrations.AddField(
            model_name="review",
            name="comment",
            field=models.TextField(
                blank=True,
                db_default="",
                default="",
                help_text="What the reviewer writes to the learner about the answer",
            ),
        ),
        migrations.CreateModel(
            name="Snippet",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=60)),
                ("text", models.TextField(max_length=2000)),
                (
                    "course",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="courses.course",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="snippets",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["name", "id"],
                "constraints": [
                    models.UniqueConstraint(fields=("user", "name"), name="one_snippet_by_name"),
                    models.CheckConstraint(
                        condition=~models.Q(("name", "")) & ~models.Q(("text", "")),
                        name="a_snippet_has_name_and_text",
                    ),
                ],
            },
        ),
        migrations.RunPython(triggers.install_decisions, triggers.remove_decisions),
    ]
