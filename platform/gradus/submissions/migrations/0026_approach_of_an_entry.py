"""Keeps the approach of each entry, which leaderboards show, filter by, and find the best entry of."""

from django.db import migrations, models

from gradus.submissions import triggers


class Migration(migrations.Migration):
    dependencies = [("submissions", "0025_reruns")]

    operations = [
        migrations.RunPython(triggers.remove_boards, triggers.install_boards),
        migrations.AddField(
            model_name="standing",
            name="approach",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="`Kind.approach` of the attempt; empty where nothing can tell it any more",
                max_length=40,
            ),
        ),
        migrations.AddIndex(
            model_name="standing",
            index=models.Index(
                condition=models.Q(("provisional", False)),
                fields=["version", "track", "season", "approach", "-shown", "reached_at", "id", "user"],
                name="board_by_approach",
            ),
        ),
        migrations.RunPython(triggers.install_boards, triggers.remove_boards),
    ]
