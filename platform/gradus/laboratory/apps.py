from django.apps import AppConfig


class LaboratoryConfig(AppConfig):
    name = "gradus.laboratory"

    def ready(self) -> None:
        from gradus.laboratory import own_sets
        from gradus.submissions.services import events

        events.recorded.connect(own_sets.on_recorded, dispatch_uid="own-sets-recorded")
