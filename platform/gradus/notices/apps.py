from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "gradus.notices"

    def ready(self) -> None:
        from gradus.notices import receivers
        from gradus.submissions.services import events

        events.recorded.connect(receivers.on_recorded, dispatch_uid="notices")
        events.closed.connect(receivers.on_closed, dispatch_uid="notices")
