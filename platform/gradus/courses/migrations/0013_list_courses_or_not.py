"""Stores who may open a course and who finds it in lists. Courses that are there already are listed.

The release before this one cannot keep anybody out. So on the way back, courses for classes only are no longer
published, and staff decide in the admin which of them become open to everybody.
"""

from typing import Any

from django.db import migrations, models

from gradus.courses import triggers


def remove(apps: Any, schema_editor: Any) -> None:
    triggers.remove_versions(apps, schema_editor)
    triggers.remove_reveals(apps, schema_editor)


def install(apps: Any, schema_editor: Any) -> None:
    triggers.install_reveals(apps, schema_editor)
    triggers.install_versions(apps, schema_editor)


def hide_again(apps: Any, schema_editor: Any) -> None:
    apps.get_model("courses", "Course").objects.filter(listing="classes").update(is_published=False)


class Migration(migrations.Migration):
    dependencies = [("courses", "0012_reveal_private_ranks")]

    operations = [
        # SQLite makes the table anew, for which no trigger may stand on it or read it.
        migrations.RunPython(remove, install),
        migrations.AddField(
            model_name="course",
            name="listing",
            field=models.CharField(
                choices=[("listed", "Listed"), ("unlisted", "Unlisted"), ("classes", "For classes only")],
                db_default="listed",
                default="listed",
                help_text="Who may open the course once it is published, and who finds it in lists",
                max_length=8,
            ),
        ),
        migrations.AddConstraint(
            model_name="course",
            constraint=models.CheckConstraint(
                condition=models.Q(("listing__in", ["listed", "unlisted", "classes"])),
                name="listing_of_a_course_is_known",
            ),
        ),
        migrations.RunPython(install, remove),
        migrations.RunPython(migrations.RunPython.noop, hide_again),
    ]
