from django.apps import AppConfig


class ReviewsConfig(AppConfig):
    name = "gradus.reviews"

    def ready(self) -> None:
        from gradus.reviews import receivers
        from gradus.submissions import signals

        signals.recorded.connect(receivers.on_recorded, dispatch_uid="reviews")
        signals.adopted.connect(receivers.on_adopted, dispatch_uid="reviews")
        signals.closed.connect(receivers.on_closed, dispatch_uid="reviews")
