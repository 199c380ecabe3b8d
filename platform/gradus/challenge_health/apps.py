from django.apps import AppConfig


class ChallengeHealthConfig(AppConfig):
    name = "gradus.challenge_health"

    def ready(self) -> None:
        from gradus.challenge_health import receivers
        from gradus.submissions import events

        events.recorded.connect(receivers.on_recorded, dispatch_uid="challenge-health-recorded")
        events.closed.connect(receivers.on_closed, dispatch_uid="challenge-health-closed")
        events.scores_changed.connect(receivers.on_scores_changed, dispatch_uid="challenge-health-scores")
