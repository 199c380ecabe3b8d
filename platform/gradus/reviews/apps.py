from django.apps import AppConfig


class ReviewsConfig(AppConfig):
    name = "gradus.reviews"

    def ready(self) -> None:
        from django.db.models.signals import post_delete

        from gradus.reviews import receivers
        from gradus.reviews.services import latest
        from gradus.submissions import events
        from gradus.submissions.models import Evaluation

        events.submitting.connect(latest.on_submitting, dispatch_uid="reviews")
        events.recorded.connect(receivers.on_recorded, dispatch_uid="reviews")
        events.adopted.connect(receivers.on_adopted, dispatch_uid="reviews")
        events.closed.connect(receivers.on_closed, dispatch_uid="reviews")
        post_delete.connect(receivers.on_erased, sender=Evaluation, dispatch_uid="reviews")
