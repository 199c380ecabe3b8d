from typing import Any

from django.db import migrations

# Before there were levels, the staff of a course decided about grades, and its authors also about its content.
LEVELS = {"learner": ("none", "none"), "staff": ("viewer", "editor"), "author": ("editor", "editor")}


def to_levels(apps: Any, schema_editor: Any) -> None:
    enrolments = apps.get_model("accounts", "Enrolment").objects.using(schema_editor.connection.alias)
    for role, (content, learner_data) in LEVELS.items():
        enrolments.filter(role=role).update(content=content, learner_data=learner_data)


def to_role(apps: Any, schema_editor: Any) -> None:
    """Gives each person the earlier role that allowed the same. What has no such role becomes a learner."""
    enrolments = apps.get_model("accounts", "Enrolment").objects.using(schema_editor.connection.alias)
    tokens = apps.get_model("accounts", "ApiToken").objects.using(schema_editor.connection.alias)
    tokens.filter(content="previewer").update(content="none")
    decides = enrolments.filter(learner_data="editor")
    enrolments.update(role="learner")
    decides.update(role="staff")
    decides.filter(content__in=["editor", "owner"]).update(role="author")


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_levels")]

    operations = [migrations.RunPython(to_levels, to_role)]
