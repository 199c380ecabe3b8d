"""The admin's list of notices. Who wants them by mail is decided on the profile page."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from gradus.accounts.admin_site import ReadOnly
from gradus.notices.models import Notice


@admin.register(Notice)
class NoticeAdmin(ReadOnly):
    purpose = _("Whether somebody was told of a grade or an answer, has seen it, and got it by mail")
    people = "user"
    list_display = ("user", "kind", "created_at", "seen_at", "mailed_at")
    list_filter = ("kind",)
    list_select_related = ("user",)
    search_help_text = _("The beginning of an address, a user name or a pseudonym")
    ordering = ("-id",)
