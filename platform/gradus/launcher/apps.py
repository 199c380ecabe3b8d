from django.apps import AppConfig


class LauncherConfig(AppConfig):
    name = "gradus.launcher"

    def ready(self) -> None:
        from gradus.launcher import checks  # noqa: F401
