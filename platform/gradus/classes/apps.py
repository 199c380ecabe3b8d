from django.apps import AppConfig


class ClassesConfig(AppConfig):
    name = "gradus.classes"

    def ready(self) -> None:
        from allauth.account.models import EmailAddress
        from django.db.models.signals import post_save

        from gradus.classes import receivers

        post_save.connect(receivers.after_address, sender=EmailAddress, dispatch_uid="members by address")
