"""The admin's pages about accounts, roles, API tokens, exempt networks and the record of staff's actions.

The admin's own forms for logging in and changing a password know neither the second factor nor the rate limits, so the
site's own pages take their place.
"""

from typing import Any

from allauth.account.decorators import secure_admin_login
from django import forms
from django.contrib import admin
from django.contrib.admin import AdminSite
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from gradus.accounts import rate_limits, tokens
from gradus.accounts.models import ApiToken, ExemptNetwork, StaffAction, User


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]
    """Shows rows without letting anyone edit them: only services and imports of bundles write these tables."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(User)
class UserAdmin(DjangoUserAdmin[User]):
    list_display = ("email", "pseudonym", "is_guest", "is_staff", "date_joined")
    list_filter = ("is_guest", "is_staff", "is_active")
    search_fields = ("email", "pseudonym", "username")
    ordering = ("-date_joined",)
    fieldsets = (
        *(DjangoUserAdmin.fieldsets or ()),
        ("Gradus", {"fields": ("pseudonym", "may_create_courses", "is_guest")}),
    )
    readonly_fields = ("is_guest",)

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Django's own deletion would take scores away, and move the ranks of others. The site has a page for it."""
        return False


SCOPE_AND_TIMES = ("content", "learner_data", "created_at", "expires_at", "last_used_at", "revoked_at")


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnly):
    list_display = ("name", "user", "prefix", "content", "learner_data", "expires_at", "last_used_at", "revoked_at")
    list_filter = ("content", "learner_data")
    search_fields = ("user__email", "prefix")
    fields = ("name", "user", "prefix", *SCOPE_AND_TIMES)
    actions = ("revoke",)

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.change_apitoken")

    @admin.action(description=_("Revoke the chosen tokens: they stop working at once"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, chosen: QuerySet[ApiToken]) -> None:
        for token in chosen:
            tokens.revoke(token)


class ExemptNetworkForm(forms.ModelForm[ExemptNetwork]):
    class Meta:
        model = ExemptNetwork
        fields = ("network", "until", "note")

    def clean_network(self) -> str:
        return rate_limits.canonical(self.cleaned_data["network"])

    def clean_until(self) -> Any:
        until = self.cleaned_data["until"]
        if until <= timezone.now():
            raise forms.ValidationError(_("This time has passed. To end an exemption now, delete its row."))
        return until


@admin.register(ExemptNetwork)
class ExemptNetworkAdmin(admin.ModelAdmin[ExemptNetwork]):
    form = ExemptNetworkForm
    list_display = ("network", "until", "note", "added_by")

    def save_model(self, request: HttpRequest, obj: ExemptNetwork, form: object, change: bool) -> None:
        if not change and isinstance(request.user, User):
            obj.added_by = request.user
        super().save_model(request, obj, form, change)


@admin.register(StaffAction)
class StaffActionAdmin(ReadOnly):
    list_display = ("at", "who", "what", "about", "via")
    list_filter = ("what", "via", "at")
    search_fields = ("who", "about", "request")
    date_hierarchy = "at"


def use_site_login(site: AdminSite) -> None:
    """Sends staff who log in to the admin, or change their password there, to the site's own pages.

    Call this before `site.urls` is read. Django's log-in view must be replaced, not only decorated: to a person who is
    logged in as staff already, it would still check the passwords of other accounts.
    """
    site.login = secure_admin_login(_to_index)  # type: ignore[method-assign]
    site.password_change = _to_password_page  # type: ignore[method-assign,assignment]


def _to_index(request: HttpRequest, extra_context: object = None) -> HttpResponse:
    return redirect("admin:index")


def _to_password_page(request: HttpRequest, extra_context: object = None) -> HttpResponse:
    return redirect("account_change_password")
