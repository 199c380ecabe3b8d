from django.apps import AppConfig


class ClassesConfig(AppConfig):
    name = "gradus.classes"

    def ready(self) -> None:
        from allauth.account.models import EmailAddress
        from django.contrib.auth.signals import user_logged_in
        from django.db.models.signals import post_save

        from gradus.classes import receivers

        post_save.connect(receivers.after_address, sender=EmailAddress, dispatch_uid="members by address")
        user_logged_in.connect(receivers.after_login, dispatch_uid="members by address")
