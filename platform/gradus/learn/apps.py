from django.apps import AppConfig


class LearnConfig(AppConfig):
    name = "gradus.learn"

    def ready(self) -> None:
        from gradus.learn.findings import own_sets
        from gradus.submissions.services import events

        events.recorded.connect(own_sets.on_recorded, dispatch_uid="own-sets-recorded")
