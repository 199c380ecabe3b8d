from django.apps import AppConfig, apps
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "gradus.accounts"
    verbose_name = _("People")
    default = True

    def ready(self) -> None:
        from allauth.account.models import EmailAddress
        from allauth.mfa.signals import authenticator_added
        from django.contrib.admin.models import LogEntry
        from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save

        from gradus.accounts import receivers, second_factor
        from gradus.accounts.models import Enrolment, ExemptNetwork, User

        # Only groups are left of it in the admin.
        apps.get_app_config("auth").verbose_name = _("Groups")
        authenticator_added.connect(second_factor.note_switched_on, dispatch_uid="second factor")
        pre_save.connect(receivers.before_save, sender=User, dispatch_uid="staff")
        post_save.connect(receivers.after_save, sender=User, dispatch_uid="staff")
        post_save.connect(receivers.after_address, sender=EmailAddress, dispatch_uid="addresses of others")
        post_save.connect(receivers.after_enrolment, sender=Enrolment, dispatch_uid="staff")
        post_save.connect(receivers.after_exemption, sender=ExemptNetwork, dispatch_uid="staff")
        post_save.connect(receivers.after_admin_form, sender=LogEntry, dispatch_uid="staff")
        for many in (User.groups.through, User.user_permissions.through):
            m2m_changed.connect(receivers.after_groups, sender=many, dispatch_uid="staff")
        for model in receivers.RECORDED_DELETIONS:
            post_delete.connect(receivers.after_delete, sender=model, dispatch_uid=f"staff {model.__name__}")
