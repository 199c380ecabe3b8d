"""Carries the rows of eight tables of numbered slots over to one table."""

from collections.abc import Callable
from datetime import date
from typing import Any

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

BATCH = 2000
Values = dict[str, Any]


def quota(row: Any) -> Values:
    return {"limit": "attempts", "user_id": row.user_id, "scope": f"challenge {row.challenge_id}", **of_day(row)}


def guest(row: Any) -> Values:
    return {"limit": "guest_attempts", "user_id": row.user_id, "submission_id": row.submission_id}


def in_flight(row: Any) -> Values:
    return {"limit": "open_submissions", "user_id": row.user_id, "submission_id": row.submission_id}


def run(row: Any) -> Values:
    return {"limit": "open_chats" if row.is_chat else "open_runs", "user_id": row.user_id, "run_id": row.run_id}


def cancel(row: Any) -> Values:
    return {
        "limit": "cancelled_running" if row.was_running else "cancelled_waiting",
        "user_id": row.user_id,
        **of_day(row),
    }


def measurement(row: Any) -> Values:
    return {"limit": "measurements", "user_id": row.user_id, "period": row.day.isoformat(), "run_id": row.run_id}


def network(row: Any) -> Values:
    scope = f"challenge {row.challenge_id}, network {row.network}"
    return {"limit": "network_attempts", "scope": scope, **of_day(row)}


def open_measurement(row: Any) -> Values:
    measured = f"attempt {row.measures_id}" if row.measures_id else f"baseline {row.label}"
    scope = f"version {row.version_id}, measured {measured}"
    return {"limit": "open_measurement", "scope": scope, "number": 1, "allowed": 1, "run_id": row.run_id}


def of_day(row: Any) -> Values:
    return {"period": row.day.isoformat(), "submission_id": row.submission_id}


NEW: dict[str, Callable[[Any], Values]] = {
    "QuotaSlot": quota,
    "GuestSlot": guest,
    "InFlight": in_flight,
    "RunSlot": run,
    "CancelSlot": cancel,
    "MeasurementSlot": measurement,
    "NetworkSlot": network,
    "OpenMeasurement": open_measurement,
}


def forwards(apps: Any, schema_editor: Any) -> None:
    slots = apps.get_model("submissions", "Slot").objects
    for name, new in NEW.items():
        made = []
        # A large site has a row for nearly every attempt.
        for row in apps.get_model("submissions", name).objects.order_by("pk").iterator(BATCH):
            numbered = {} if name == "OpenMeasurement" else {"number": row.slot, "allowed": row.allowed}
            made.append(slots.model(**numbered, **new(row)))
            if len(made) == BATCH:
                slots.bulk_create(made)
                made = []
        slots.bulk_create(made)


def old(slot: Any) -> tuple[str, Values]:
    """The old table of a slot, and what its row has beside the number and what was allowed."""
    user = {"user_id": slot.user_id}
    day = {"day": date.fromisoformat(slot.period)} if slot.period else {}
    submission, run_ = {"submission_id": slot.submission_id}, {"run_id": slot.run_id}
    match slot.limit:
        case "attempts":
            return "QuotaSlot", {**user, **day, **submission, "challenge_id": slot.submission.challenge_id}
        case "guest_attempts":
            return "GuestSlot", {**user, **submission}
        case "open_submissions":
            return "InFlight", {**user, **submission}
        case "open_runs" | "open_chats":
            return "RunSlot", {**user, **run_, "is_chat": slot.limit == "open_chats"}
        case "cancelled_running" | "cancelled_waiting":
            return "CancelSlot", {**user, **day, **submission, "was_running": slot.limit == "cancelled_running"}
        case "measurements":
            return "MeasurementSlot", {**user, **day, **run_}
        case "network_attempts":
            hashed = slot.scope.rpartition(" ")[2]
            return "NetworkSlot", {**day, **submission, "network": hashed, "challenge_id": slot.submission.challenge_id}
    assert slot.limit == "open_measurement", slot.limit
    measured = {"version_id": slot.run.version_id, "measures_id": slot.run.measures_id, "label": slot.run.label}
    return "OpenMeasurement", {**run_, **measured}


def backwards(apps: Any, schema_editor: Any) -> None:
    made: dict[str, list[Any]] = {name: [] for name in NEW}
    slots = apps.get_model("submissions", "Slot").objects
    for slot in slots.select_related("submission", "run").order_by("pk").iterator(BATCH):
        name, values = old(slot)
        numbered = {} if name == "OpenMeasurement" else {"slot": slot.number, "allowed": slot.allowed}
        made[name].append(apps.get_model("submissions", name)(**numbered, **values))
        if len(made[name]) == BATCH:
            apps.get_model("submissions", name).objects.bulk_create(made[name])
            made[name] = []
    for name, rows in made.items():
        apps.get_model("submissions", name).objects.bulk_create(rows)


class Migration(migrations.Migration):
    dependencies = [
        ("submissions", "0009_limit_networks_and_measurements"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Slot",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("limit", models.CharField(help_text="The name of an entry of limits.py", max_length=40)),
                (
                    "scope",
                    models.CharField(
                        blank=True, help_text="What has numbers of its own, beside the user", max_length=200
                    ),
                ),
                (
                    "period",
                    models.CharField(
                        blank=True,
                        help_text="A day in the course's time zone, as 2026-11-29, or empty for all time",
                        max_length=10,
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                ("allowed", models.PositiveIntegerField()),
                (
                    "run",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="slots",
                        to="submissions.run",
                    ),
                ),
                (
                    "submission",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="slots",
                        to="submissions.submission",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="slots",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("limit", "user", "scope", "period", "number"), name="one_use_of_a_number"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("user__isnull", True)),
                        fields=("limit", "scope", "period", "number"),
                        name="one_use_of_a_number_without_a_user",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("number__gte", 1), ("number__lte", models.F("allowed"))),
                        name="number_within_allowed",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("user__isnull", False), models.Q(("scope", ""), _negated=True), _connector="OR"
                        ),
                        name="a_limit_is_of_somebody_or_something",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("run__isnull", True), ("submission__isnull", False)),
                            models.Q(("run__isnull", False), ("submission__isnull", True)),
                            models.Q(
                                ("limit__in", ["reports", "sets"]), ("run__isnull", True), ("submission__isnull", True)
                            ),
                            _connector="OR",
                        ),
                        name="a_slot_is_of_one_thing",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("limit__in", ["open_chats", "open_measurement"]), _negated=True),
                            ("allowed", 1),
                            _connector="OR",
                        ),
                        name="one_at_a_time",
                    ),
                    models.UniqueConstraint(fields=("limit", "submission"), name="one_slot_of_a_submission"),
                    models.UniqueConstraint(fields=("limit", "run"), name="one_slot_of_a_run"),
                    models.UniqueConstraint(
                        condition=models.Q(("limit__in", ["cancelled_running", "cancelled_waiting"])),
                        fields=("submission",),
                        name="given_back_once",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("limit__in", ["open_runs", "open_chats"])),
                        fields=("run",),
                        name="open_once",
                    ),
                ],
            },
        ),
        migrations.RunPython(forwards, backwards),
        *(migrations.DeleteModel(name) for name in NEW),
    ]
