"""Gives each course that is there a version of what is live. Its archive is empty, because none was kept."""

from typing import Any

from django.db import migrations


def fill(apps: Any, schema_editor: Any) -> None:
    courses, versions = apps.get_model("courses", "Course"), apps.get_model("courses", "CourseVersion")
    for course in courses.objects.exclude(digest=""):
        contents: list[list[str]] = []
        for lesson in course.lessons.filter(is_current=True).order_by("position"):
            contents += [[name, lesson.contents[name]] for name in lesson.spec["challenges"] if name in lesson.contents]
        versions.objects.create(
            course=course,
            version=course.version,
            digest=course.digest,
            contents=contents,
            state="published",
            pushed_at=course.updated_at,
            published_at=course.updated_at,
        )


class Migration(migrations.Migration):
    dependencies = [
        ("courses", "0009_versions_of_courses"),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
