from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin

from gradus.accounts.models import ApiToken, Enrolment, User


@admin.register(User)
class UserAdmin(DjangoUserAdmin[User]):
    list_display = ("email", "pseudonym", "is_guest", "is_staff", "date_joined")
    list_filter = ("is_guest", "is_staff", "is_active")
    search_fields = ("email", "pseudonym", "username")
    ordering = ("-date_joined",)
    fieldsets = (*(DjangoUserAdmin.fieldsets or ()), ("Gradus", {"fields": ("pseudonym", "is_guest")}))
    readonly_fields = ("is_guest",)


@admin.register(Enrolment)
class EnrolmentAdmin(admin.ModelAdmin[Enrolment]):
    list_display = ("user", "course", "role", "created_at")
    list_filter = ("role", "course")
    autocomplete_fields = ("user",)


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin[ApiToken]):
    list_display = ("name", "user", "prefix", "created_at", "last_used_at", "revoked_at")
    readonly_fields = ("user", "digest", "prefix", "created_at", "last_used_at")

    def has_add_permission(self, request: object) -> bool:
        return False
