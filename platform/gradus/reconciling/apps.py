from django.apps import AppConfig


class ReconcilingConfig(AppConfig):
    name = "gradus.reconciling"
