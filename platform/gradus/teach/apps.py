from django.apps import AppConfig


class TeachConfig(AppConfig):
    name = "gradus.teach"
