from django.apps import AppConfig


class WorkersConfig(AppConfig):
    """The Django app that gives `manage.py` the commands `work` and `reconcile`. Importing it does not load torch."""

    name = "workers"
