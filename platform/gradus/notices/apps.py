from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "gradus.notices"

    def ready(self) -> None:
        from gradus.notices import services
        from gradus.submissions import events

        events.recorded.connect(services.on_recorded, dispatch_uid="notices")
        events.closed.connect(services.on_closed, dispatch_uid="notices")
        events.released.connect(services.on_released, dispatch_uid="notices")
        events.entry_decided.connect(services.on_entry_decided, dispatch_uid="notices")
        events.attempt_decided.connect(services.on_attempt_decided, dispatch_uid="notices")
