"""An account that was merged into another one gets no new row, in whichever app."""

from django.db import migrations

from gradus.accounts import triggers


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0015_merge_accounts"),
        ("chats", "0002_point_at_slots"),
        ("classes", "0006_forget_deleted_accounts"),
        ("friends", "0001_friends"),
        ("laboratory", "0002_point_at_slots"),
        ("notices", "0005_tell_of_merges"),
        ("preferences", "0001_pair_choices"),
        ("questions", "0002_read_steps"),
        ("reports", "0002_point_at_slots"),
        ("submissions", "0027_fill_approaches"),
        ("teach", "0001_initial"),
    ]

    operations = [migrations.RunPython(triggers.install_closed, triggers.remove_closed)]
