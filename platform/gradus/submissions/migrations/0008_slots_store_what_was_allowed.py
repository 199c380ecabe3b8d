import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Q

# What settings.py said when the rows of these tables were written; the CHECK of that time held them to it.
GUEST_SUBMISSIONS, IN_FLIGHT = 3, 2


def within(stored):
    return Q(slot__gte=1, slot__lte=stored)


def check(name, stored):
    return models.CheckConstraint(name=name, condition=within(stored))


def slot_fields():
    return [
        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
        ("slot", models.PositiveSmallIntegerField()),
        ("allowed", models.PositiveSmallIntegerField()),
        (
            "user",
            models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
    ]


def stores_allowed(model, constraint, before):
    """The CHECK reads the column instead of the number; rows so far keep the number that they were held to."""
    return [
        migrations.RemoveConstraint(model, constraint),
        migrations.AddField(model, "allowed", models.PositiveIntegerField(default=before), preserve_default=False),
        migrations.AddConstraint(model, check(constraint, F("allowed"))),
    ]


class Migration(migrations.Migration):
    dependencies = [
        ("submissions", "0007_overlap_and_private_scores"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        *stores_allowed("guestslot", "guest_slot_within_limit", GUEST_SUBMISSIONS),
        *stores_allowed("inflight", "in_flight_slot_within_limit", IN_FLIGHT),
        migrations.CreateModel(
            name="RunSlot",
            fields=[
                *slot_fields(),
                (
                    "run",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="slot", to="submissions.run"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(name="one_open_run_in_a_slot", fields=["user", "slot"]),
                    check("run_slot_within_allowed", F("allowed")),
                ]
            },
        ),
        migrations.CreateModel(
            name="CancelSlot",
            fields=[
                *slot_fields(),
                ("day", models.DateField()),
                (
                    "submission",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="cancel_slot",
                        to="submissions.submission",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(name="one_cancelled_attempt_in_a_slot", fields=["user", "day", "slot"]),
                    check("cancel_slot_within_allowed", F("allowed")),
                ]
            },
        ),
    ]
