from django.apps import AppConfig


class WorkersConfig(AppConfig):
    """Installed so that `manage.py` finds `work` and `reconcile`; importing it loads no torch."""

    name = "workers"
