"""Withholds the overrides that the release rules withhold today, because nobody has noted what learners have seen."""

from typing import Any

from django.db import migrations
from django.db.models import F, Q
from django.utils.timezone import now

from gradus.gradebook import triggers


def withhold(apps: Any, schema_editor: Any) -> None:
    at = now()
    rules = apps.get_model("classes", "ReleaseRule").objects.order_by(F("challenge").asc(nulls_last=True))
    is_open = Q(score="now") | Q(score_at__lte=at) | Q(released_score_at__lte=at)
    overrides = apps.get_model("gradebook", "Override").objects.filter(ended_at=None)
    for of_class, challenge in overrides.order_by().values_list("member__of_class", "challenge").distinct():
        rule = rules.filter(Q(challenge=None) | Q(challenge=challenge), of_class=of_class).first()
        if rule is not None and not rules.filter(is_open, pk=rule.pk).exists():
            overrides.filter(member__of_class=of_class, challenge=challenge).update(withheld=True)


class Migration(migrations.Migration):
    dependencies = [("gradebook", "0002_withhold_overrides")]

    operations = [
        migrations.RunPython(withhold, migrations.RunPython.noop),
        migrations.RunPython(triggers.install_release, triggers.remove_release),
    ]
