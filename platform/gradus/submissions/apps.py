from django.apps import AppConfig


class SubmissionsConfig(AppConfig):
    name = "gradus.submissions"

    def ready(self) -> None:
        from gradus.submissions import metrics, signals
        from gradus.submissions.services import verification

        metrics.register()
        signals.recorded.connect(verification.on_recorded, dispatch_uid="baselines-recorded")
        signals.closed.connect(verification.on_closed, dispatch_uid="baselines-closed")
