from django.apps import AppConfig


class GradebookConfig(AppConfig):
    name = "gradus.gradebook"

    def ready(self) -> None:
        from django.db.models.signals import post_save

        from gradus.classes import signals
        from gradus.gradebook import receivers
        from gradus.submissions import events
        from gradus.submissions.models import Evaluation

        post_save.connect(receivers.on_evaluation, sender=Evaluation, dispatch_uid="gradebook-submitted")
        events.recorded.connect(receivers.on_ended, dispatch_uid="gradebook-recorded")
        events.closed.connect(receivers.on_ended, dispatch_uid="gradebook-closed")
        events.scores_changed.connect(receivers.on_scores_changed, dispatch_uid="gradebook-scores")
        events.rules_applied.connect(receivers.on_rules_applied, dispatch_uid="gradebook-released")
        signals.changed.connect(receivers.on_class_changed, dispatch_uid="gradebook-class")
        signals.members_merged.connect(receivers.on_merged, dispatch_uid="gradebook-merged")
