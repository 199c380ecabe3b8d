from django.apps import AppConfig


class SubmissionsConfig(AppConfig):
    name = "gradus.submissions"

    def ready(self) -> None:
        from gradus.submissions import metrics

        metrics.register()
