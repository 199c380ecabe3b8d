"""A version number is one content; drafts; what this server measured beside what a bundle brought along.

All versions so far were published as they came, and their results were their bundles'. Where several contents of a
challenge had one number, the one that is published keeps it, else the newest; the others get `+1`, `+2` and so on in
the order of their imports.
"""

from collections import defaultdict

from django.db import migrations, models
from django.db.models import F


def separate(apps, schema_editor):
    versions = apps.get_model("courses", "ChallengeVersion").objects
    published = set(
        apps.get_model("courses", "Challenge").objects.exclude(version=None).values_list("version", flat=True)
    )
    named = defaultdict(list)
    rows = versions.order_by("imported_at", "pk").values_list("pk", "challenge_id", "version")
    for pk, challenge, version in rows:
        named[challenge, version].append(pk)
    for (_, version), pks in named.items():
        keeps = next((pk for pk in pks if pk in published), pks[-1])
        for place, pk in enumerate((pk for pk in pks if pk != keeps), 1):
            versions.filter(pk=pk).update(version=f"{version}+{place}")
    versions.update(author_baselines=F("baselines"), published_at=F("imported_at"), verified_at=None)
    versions.update(baselines=[])
    check_now(schema_editor)


def join(apps, schema_editor):
    versions = apps.get_model("courses", "ChallengeVersion").objects
    versions.update(baselines=F("author_baselines"))
    for version in versions.filter(version__contains="+"):
        versions.filter(pk=version.pk).update(version=version.version.partition("+")[0])
    check_now(schema_editor)


def check_now(schema_editor):
    """PostgreSQL alters no table while checks of its changed rows wait for the end of the transaction."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("SET CONSTRAINTS ALL IMMEDIATE")


class Migration(migrations.Migration):
    dependencies = [("courses", "0002_calibrations_of_judges")]

    operations = [
        migrations.AddField(
            model_name="challengeversion",
            name="author_baselines",
            field=models.JSONField(default=list, help_text="Results that the bundle brought along"),
        ),
        migrations.AddField(
            model_name="challengeversion",
            name="linted_at",
            field=models.DateTimeField(blank=True, help_text="When all checks passed, similarity included", null=True),
        ),
        migrations.AddField(
            model_name="challengeversion",
            name="published_at",
            field=models.DateTimeField(blank=True, help_text="Empty for a draft, which no learner sees", null=True),
        ),
        migrations.AlterField(
            model_name="challengeversion",
            name="baselines",
            field=models.JSONField(default=list, help_text="Results of the baselines that ran here for this digest"),
        ),
        migrations.AlterField(
            model_name="challengeversion",
            name="verified_at",
            field=models.DateTimeField(blank=True, help_text="When all baselines had reached their bounds", null=True),
        ),
        migrations.AlterField(model_name="challengeversion", name="version", field=models.CharField(max_length=40)),
        migrations.RunPython(separate, join),
        migrations.AddConstraint(
            model_name="challengeversion",
            constraint=models.UniqueConstraint(fields=("challenge", "version"), name="one_digest_by_version"),
        ),
        migrations.AddConstraint(
            model_name="challengeversion",
            constraint=models.CheckConstraint(
                condition=models.Q(("verified_at__isnull", True), ("linted_at__isnull", False), _connector="OR"),
                name="verified_after_lint",
            ),
        ),
    ]
