from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "gradus.notices"

    def ready(self) -> None:
        from gradus.notices import receivers
        from gradus.submissions import signals

        signals.recorded.connect(receivers.on_recorded, dispatch_uid="notices")
        signals.closed.connect(receivers.on_closed, dispatch_uid="notices")
