"""Notices tell of merges of two accounts."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0015_merge_accounts"),
        ("classes", "0006_forget_deleted_accounts"),
        ("notices", "0004_tell_of_boards"),
        ("reports", "0002_point_at_slots"),
        ("submissions", "0027_fill_approaches"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="notice",
            name="a_notice_is_about_one_thing",
        ),
        migrations.AddField(
            model_name="notice",
            name="merge",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="notices",
                to="accounts.merge",
            ),
        ),
        migrations.AlterField(
            model_name="notice",
            name="kind",
            field=models.CharField(
                choices=[
                    ("graded", "Attempt graded"),
                    ("failed", "Attempt not graded"),
                    ("run", "Run on public samples ended"),
                    ("reviewed", "Reviewed by a person"),
                    ("appealed", "Appeal decided"),
                    ("regraded", "Graded again"),
                    ("answered", "Report answered"),
                    ("announced", "Announcement of a class"),
                    ("hidden", "Entry of a leaderboard hidden"),
                    ("restored", "Hidden entry restored"),
                    ("kept", "Answer about a hidden entry read"),
                    ("annulled", "Attempt annulled"),
                    ("counts", "Annulled attempt counts again"),
                    ("merge", "Merge of two accounts proposed"),
                    ("no_merge", "Merge of two accounts refused or withdrawn"),
                    ("merged", "Two accounts merged"),
                ],
                max_length=10,
            ),
        ),
        migrations.AddConstraint(
            model_name="notice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("announcement__isnull", True),
                        ("annulment__isnull", True),
                        ("evaluation__isnull", False),
                        ("kind__in", ("graded", "failed", "run", "reviewed", "appealed", "regraded")),
                        ("mark__isnull", True),
                        ("merge__isnull", True),
                        ("report__isnull", True),
                    ),
                    models.Q(
                        ("announcement__isnull", True),
                        ("annulment__isnull", True),
                        ("evaluation__isnull", True),
                        ("kind__in", ("answered",)),
                        ("mark__isnull", True),
                        ("merge__isnull", True),
                        ("report__isnull", False),
                    ),
                    models.Q(
                        ("announcement__isnull", False),
                        ("annulment__isnull", True),
                        ("evaluation__isnull", True),
                        ("kind__in", ("announced",)),
                        ("mark__isnull", True),
                        ("merge__isnull", True),
                        ("report__isnull", True),
                    ),
                    models.Q(
                        ("announcement__isnull", True),
                        ("annulment__isnull", True),
                        ("evaluation__isnull", True),
                        ("kind__in", ("hidden", "restored", "kept")),
                        ("mark__isnull", False),
                        ("merge__isnull", True),
                        ("report__isnull", True),
                    ),
                    models.Q(
                        ("announcement__isnull", True),
                        ("annulment__isnull", False),
                        ("evaluation__isnull", True),
                        ("kind__in", ("annulled", "counts")),
                        ("mark__isnull", True),
                        ("merge__isnull", True),
                        ("report__isnull", True),
                    ),
                    models.Q(
                        ("announcement__isnull", True),
                        ("annulment__isnull", True),
                        ("evaluation__isnull", True),
                        ("kind__in", ("merge", "no_merge", "merged")),
                        ("mark__isnull", True),
                        ("merge__isnull", False),
                        ("report__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="a_notice_is_about_one_thing",
            ),
        ),
        migrations.AddConstraint(
            model_name="notice",
            constraint=models.UniqueConstraint(
                condition=models.Q(("merge__isnull", False)),
                fields=("merge", "kind", "user"),
                name="one_notice_of_a_kind_of_a_merge",
            ),
        ),
    ]
