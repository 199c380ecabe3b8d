from django.apps import AppConfig


class ReviewsConfig(AppConfig):
    name = "gradus.reviews"

    def ready(self) -> None:
        from gradus.reviews.services import open_review
        from gradus.submissions.signals import recorded

        def receive(sender: object, evaluation: object, outcome: object, **extra: object) -> None:
            open_review(evaluation, outcome)  # type: ignore[arg-type]

        recorded.connect(receive, dispatch_uid="open_review", weak=False)
