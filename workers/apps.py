from django.apps import AppConfig


class WorkersConfig(AppConfig):
    """The app that gives `manage.py` the commands `work` and `engine_choices`. Importing it does not load torch."""

    name = "workers"
