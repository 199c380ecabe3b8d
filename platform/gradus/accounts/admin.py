"""The admin's pages about accounts, what they sign in with, API tokens, exempt networks and the record of staff."""

from __future__ import annotations

from typing import Any

from allauth.account.admin import EmailAddressAdmin as AllauthEmailAddressAdmin
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _

from gradus.accounts import rate_limits, tokens
from gradus.accounts.admin_site import Listed, ReadOnly
from gradus.accounts.models import ApiToken, Enrolment, ExemptNetwork, StaffAction, User


@admin.register(User)
class UserAdmin(Listed, DjangoUserAdmin[User]):
    purpose = _("Who has an account, since when, with which rights and roles; close or delete one")
    people = "pk"
    list_display = ("email", "pseudonym", "is_guest", "is_staff", "is_active", "deletion_due_at", "date_joined")
    list_filter = ("is_guest", "is_staff", "is_active", "may_create_courses")
    search_help_text = _("The beginning of an address, a user name or a pseudonym, or the number of an account")
    ordering = ("-id",)
    fieldsets = (
        *(DjangoUserAdmin.fieldsets or ()),
        ("Gradus", {"fields": ("pseudonym", "lost_email", "may_create_courses", "is_guest", "roles", "merged_into")}),
    )
    readonly_fields = ("lost_email", "is_guest", "roles", "merged_into", "last_login", "date_joined")
    # Django's two lists with arrows have parts without a name.
    filter_horizontal = ()

    @admin.display(description=_("Roles in courses"))
    def roles(self, user: User) -> Any:
        """Names each course with the levels of the person, and leads to the page on which its owners change them."""
        held = Enrolment.objects.filter(user=user).select_related("course").order_by("course__title")
        rows = [
            (reverse("teach:people", args=[one.course.slug]), one.course, one.content, one.learner_data) for one in held
        ]
        line = '<div><a href="{}">{}</a>: content:{}, learner_data:{}</div>'
        return format_html_join("", line, rows) or "-"

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Django's own deletion would take scores away, and move the ranks of others. The site has a page for it."""
        return False


for _model in (EmailAddress, Authenticator, Group):
    admin.site.unregister(_model)


@admin.register(EmailAddress)
class EmailAddressAdmin(Listed, AllauthEmailAddressAdmin):  # type: ignore[misc]
    purpose = _("Which addresses an account has, and whether they were confirmed; confirm one for somebody")
    people, names = "user", ("email",)
    list_select_related = ("user",)
    search_help_text = _("The beginning of an address, a user name or a pseudonym")
    ordering = ("-id",)


@admin.register(Authenticator)
class AuthenticatorAdmin(ReadOnly):
    """A row holds a secret, which no page shows. Whoever has lost the device needs it removed."""

    purpose = _("Which second factors people sign in with; remove one for somebody who has lost the device")
    people = "user"
    never_shown = ("data",)
    list_display = ("user", "type", "created_at", "last_used_at")
    list_filter = ("type",)
    list_select_related = ("user",)
    search_help_text = _("The beginning of an address, a user name or a pseudonym")
    ordering = ("-id",)

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return bool(request.user.has_perm("mfa.delete_authenticator"))


@admin.register(Group)
class GroupAdmin(Listed, DjangoGroupAdmin):
    purpose = _("Which pages of the admin groups of staff may use")
    filter_horizontal = ()


SCOPE_AND_TIMES = ("content", "learner_data", "created_at", "expires_at", "last_used_at", "revoked_at")


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnly):
    purpose = _("Which programs act for whom, with which rights; revoke a token that has leaked")
    people, names = "user", ("prefix",)
    list_display = ("name", "user", "prefix", "content", "learner_data", "expires_at", "last_used_at", "revoked_at")
    list_filter = ("content", "learner_data", ("revoked_at", admin.EmptyFieldListFilter))
    list_select_related = ("user",)
    search_help_text = _("The beginning of an address, a user name or a pseudonym, or of a token's secret")
    ordering = ("-id",)
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
class ExemptNetworkAdmin(Listed):
    purpose = _("From which networks sign-ups and attempts are not counted, so that a class can join")
    names = ("network",)
    form = ExemptNetworkForm
    list_display = ("network", "until", "note", "added_by")
    list_select_related = ("added_by",)
    search_help_text = _("The beginning of a network, such as 203.0.113.")
    ordering = ("until", "pk")

    def save_model(self, request: HttpRequest, obj: ExemptNetwork, form: object, change: bool) -> None:
        if not change and isinstance(request.user, User):
            obj.added_by = request.user
        super().save_model(request, obj, form, change)


@admin.register(StaffAction)
class StaffActionAdmin(ReadOnly):
    purpose = _("Who did what, when and to what, on pages, over the API and in shells")
    people = "user_id"
    list_display = ("at", "who", "what", "about", "via")
    list_filter = ("what", "via", "at")
    search_help_text = _(
        "The beginning of the address, user name or pseudonym of somebody who acted, or a row's number"
    )
    ordering = ("-id",)
