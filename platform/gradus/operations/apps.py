from django.apps import AppConfig


class OperationsConfig(AppConfig):
    name = "gradus.operations"

    def ready(self) -> None:
        from gradus.operations import checks  # noqa: F401
