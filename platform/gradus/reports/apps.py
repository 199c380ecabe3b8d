from django.apps import AppConfig


class ReportsConfig(AppConfig):
    name = "gradus.reports"
