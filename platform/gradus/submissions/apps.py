from django.apps import AppConfig


class SubmissionsConfig(AppConfig):
    name = "gradus.submissions"

    def ready(self) -> None:
        from gradus.courses import publishing, services
        from gradus.submissions import health
        from gradus.submissions.services import events, proofs, reruns, verification

        health.register_metrics()
        events.recorded.connect(verification.on_recorded, dispatch_uid="baselines-recorded")
        events.recorded.connect(proofs.on_recorded, dispatch_uid="proofs-recorded")
        events.recorded.connect(reruns.on_recorded, dispatch_uid="reruns-recorded")
        events.closed.connect(reruns.on_closed, dispatch_uid="reruns-closed")
        events.closed.connect(verification.on_closed, dispatch_uid="baselines-closed")
        events.closed.connect(proofs.on_closed, dispatch_uid="proofs-closed")
        publishing.staged.connect(verification.on_staged, dispatch_uid="verify-drafts")
        services.went_live.connect(verification.on_went_live, dispatch_uid="withdraw-checks")
