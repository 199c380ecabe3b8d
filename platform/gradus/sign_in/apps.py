from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SignInConfig(AppConfig):
    name = "gradus.sign_in"
    verbose_name = _("Sign-in")

    def ready(self) -> None:
        from allauth.account.signals import user_logged_in
        from allauth.socialaccount.signals import social_account_added, social_account_removed

        from gradus.sign_in import receivers

        user_logged_in.connect(receivers.after_login, dispatch_uid="places of a provider")
        social_account_added.connect(receivers.after_added, dispatch_uid="places of a provider")
        social_account_removed.connect(receivers.after_removed, dispatch_uid="places of a provider")
