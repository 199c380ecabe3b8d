"""The admin of the site, and the apps of others by the names that stand above their lists in it."""

from allauth.account.apps import AccountConfig
from allauth.mfa.apps import MFAConfig
from allauth.socialaccount.apps import SocialAccountConfig
from django.contrib.admin import apps as admin
from django.utils.translation import gettext_lazy as _


class GradusAdminConfig(admin.AdminConfig):
    default_site = "gradus.accounts.admin_site.GradusAdmin"
    default = False


# The admin names the apps of others above their lists. Without these names, some of them are called "Accounts".
class EmailAddressesConfig(AccountConfig):  # type: ignore[misc]  # allauth has no types
    verbose_name = _("Email addresses")


class SecondFactorsConfig(MFAConfig):  # type: ignore[misc]
    verbose_name = _("Two-factor authentication")


class ProviderAccountsConfig(SocialAccountConfig):  # type: ignore[misc]
    verbose_name = _("Accounts at providers of sign-in")
