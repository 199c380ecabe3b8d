from django.apps import AppConfig


class SubmissionsConfig(AppConfig):
    name = "gradus.submissions"

    def ready(self) -> None:
        from gradus.courses import publishing, services
        from gradus.submissions import events, health
        from gradus.submissions.services import purpose, verification

        health.register_metrics()
        events.recorded.connect(purpose.on_recorded, dispatch_uid="purposes-recorded")
        events.closed.connect(purpose.on_closed, dispatch_uid="purposes-closed")
        publishing.staged.connect(verification.on_staged, dispatch_uid="verify-drafts")
        services.went_live.connect(verification.on_went_live, dispatch_uid="withdraw-checks")
