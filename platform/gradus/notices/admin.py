"""The admin's pages about notices and who wants them by mail."""

from django.contrib import admin

from gradus.accounts.admin import ReadOnly
from gradus.notices.models import MailWish, Notice


@admin.register(Notice)
class NoticeAdmin(ReadOnly):
    list_display = ("user", "kind", "created_at", "seen_at", "mailed_at")
    list_filter = ("kind",)


admin.site.register(MailWish, ReadOnly)
