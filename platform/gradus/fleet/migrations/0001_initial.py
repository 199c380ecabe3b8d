import django.db.models.deletion
import django.db.models.functions.comparison
import django.db.models.functions.datetime
import django.db.models.functions.text
import django.db.models.lookups
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from gradus.fleet import triggers


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="WorkerToken",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=40, unique=True)),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("lanes", models.JSONField(default=list, help_text="The lanes whose jobs it may claim")),
                ("made_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("ends_at", models.DateTimeField()),
                ("machine", models.CharField(blank=True, default="", max_length=64)),
                ("bound_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                ("is_draining", models.BooleanField(default=False, help_text="It gets no new jobs")),
                ("report", models.JSONField(blank=True, default=dict)),
                ("reported_at", models.DateTimeField(blank=True, null=True)),
                (
                    "made_by",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="ChoiceProposal",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(help_text="Digest of the place", max_length=64)),
                ("digest", models.CharField(max_length=12)),
                ("place", models.JSONField()),
                ("choice", models.JSONField()),
                ("made_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                (
                    "token",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="proposals", to="fleet.workertoken"
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="workertoken",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    django.db.models.lookups.Exact(
                        models.Func(
                            models.F("name"),
                            models.Value("abcdefghijklmnopqrstuvwxyz0123456789-"),
                            function="TRIM",
                            output_field=models.TextField(),
                        ),
                        models.Value(""),
                    ),
                    models.Q(("name", ""), _negated=True),
                    models.Q(("name__startswith", "-"), _negated=True),
                ),
                name="a_worker_token_is_named",
            ),
        ),
        migrations.AddConstraint(
            model_name="workertoken",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    django.db.models.lookups.LessThanOrEqual(django.db.models.functions.text.Length("name"), 40),
                    django.db.models.lookups.LessThanOrEqual(django.db.models.functions.text.Length("machine"), 64),
                ),
                name="a_worker_tokens_texts_are_short",
            ),
        ),
        migrations.AddConstraint(
            model_name="workertoken",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    django.db.models.lookups.Exact(django.db.models.functions.text.Length("digest"), 64),
                    django.db.models.lookups.Exact(
                        models.Func(
                            models.F("digest"),
                            models.Value("0123456789abcdef"),
                            function="TRIM",
                            output_field=models.TextField(),
                        ),
                        models.Value(""),
                    ),
                ),
                name="a_worker_token_has_a_digest",
            ),
        ),
        migrations.AddConstraint(
            model_name="workertoken",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    django.db.models.lookups.In(
                        django.db.models.functions.comparison.Cast("lanes", models.TextField()),
                        (
                            '["interactive"]',
                            '["grade"]',
                            '["train"]',
                            '["interactive", "grade"]',
                            '["interactive", "train"]',
                            '["grade", "train"]',
                            '["interactive", "grade", "train"]',
                        ),
                    )
                ),
                name="a_worker_token_has_lanes",
            ),
        ),
        migrations.AddConstraint(
            model_name="workertoken",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends_at__gt", models.F("made_at"))), name="a_worker_token_ends_after_it_was_made"
            ),
        ),
        migrations.AddConstraint(
            model_name="workertoken",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("bound_at", None), ("machine", "")),
                    models.Q(models.Q(("machine", ""), _negated=True), ("bound_at__isnull", False)),
                    _connector="OR",
                ),
                name="a_bound_worker_token_has_a_machine",
            ),
        ),
        migrations.AddConstraint(
            model_name="choiceproposal",
            constraint=models.UniqueConstraint(fields=("token", "key"), name="one_proposal_of_a_machine"),
        ),
        migrations.RunPython(triggers.install, triggers.remove),
    ]
