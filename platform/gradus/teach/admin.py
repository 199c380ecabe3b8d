"""The admin's list of roles in all courses. Invitations stand on the page of each course about its people."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from gradus.accounts.admin_site import Listed
from gradus.accounts.models import Enrolment, User
from gradus.accounts.token_rules import Content
from gradus.refusal import Refused
from gradus.teach import people


class RoleForm(forms.ModelForm[Enrolment]):
    class Meta:
        model = Enrolment
        fields = ("user", "course", "content", "learner_data")

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if self.instance.pk is None:
            return given
        before = people.held(Enrolment.objects.get(pk=self.instance.pk))
        same_course = given.get("course") == before.course and given.get("user") == before.user
        stays = same_course and given.get("content") == Content.OWNER
        if not stays and people.is_last_owner(before):
            raise ValidationError({"content": people.last_owner(before).message})
        return given


@admin.register(Enrolment)
class EnrolmentAdmin(Listed):
    """Roles in courses. The last owner of a course stays, as on the page for owners."""

    purpose = _("Who has which role in which course, over all courses")
    people, names = "user", ("course__slug",)

    form = RoleForm
    list_display = ("user", "course", "content", "learner_data", "created_at")
    list_filter = ("content", "learner_data", "course")
    list_select_related = ("user", "course")
    search_help_text = _("The beginning of an address, a user name or a pseudonym, or of a course's short name")
    autocomplete_fields = ("user",)
    ordering = ("-id",)

    def has_delete_permission(self, request: HttpRequest, obj: Enrolment | None = None) -> bool:
        return super().has_delete_permission(request, obj) and not (obj and people.is_last_owner(obj))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Enrolment]) -> None:
        assert isinstance(request.user, User)
        for role in queryset:
            try:
                people.remove(role, by=request.user)
            except Refused as refused:
                self.message_user(request, f"{role}: {refused.message}", messages.WARNING)

    def delete_model(self, request: HttpRequest, obj: Enrolment) -> None:
        self.delete_queryset(request, Enrolment.objects.filter(pk=obj.pk))
