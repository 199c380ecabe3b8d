"""The admin's page about accounts at providers. Providers themselves stand in the settings, and no token is stored."""

from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from gradus.accounts.admin_site import ReadOnly

for _model in (SocialAccount, SocialApp, SocialToken):
    admin.site.unregister(_model)


@admin.register(SocialAccount)
class SocialAccountAdmin(ReadOnly):
    purpose = _("With which accounts at providers people sign in, and which places in classes the providers give them")
    people, names = "user", ("uid",)
    list_display = ("user", "provider", "uid", "date_joined", "last_login")
    list_filter = ("provider",)
    list_select_related = ("user",)
    search_help_text = _("The beginning of an address, a user name, a pseudonym, or of the name at the provider")
    ordering = ("-id",)
