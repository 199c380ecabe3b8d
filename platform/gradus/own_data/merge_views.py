"""The page on which a person merges two accounts, and the one on which staff propose it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from allauth.account.decorators import reauthentication_required
from django import forms
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy
from django.views.decorators.http import require_http_methods

from gradus.accounts.merges import REASON_CHARS
from gradus.accounts.models import Merge, User
from gradus.own_data import merging, moving
from gradus.refusal import Refused
from gradus.teach.forms import ServiceForm, text
from gradus.validators import whole_number

View = Callable[[HttpRequest], HttpResponse]
# allauth's decorator has no types.
signed_in_again: Callable[[View], View] = reauthentication_required
CODE_CHARS = 120
NAME_CHARS = User._meta.get_field("pseudonym").max_length or 0
WORDS = {
    "attempts": ngettext_lazy("%(count)d attempt with its grades", "%(count)d attempts with their grades", "count"),
    "runs": ngettext_lazy("%(count)d trial run", "%(count)d trial runs", "count"),
    "messages": ngettext_lazy("%(count)d message to a model", "%(count)d messages to models", "count"),
    "classes": ngettext_lazy("%(count)d place in a class", "%(count)d places in classes", "count"),
    "choices": ngettext_lazy("%(count)d choice between answers", "%(count)d choices between answers", "count"),
    "answers": ngettext_lazy("%(count)d answer to a question", "%(count)d answers to questions", "count"),
    "sets": ngettext_lazy("%(count)d set of a finding", "%(count)d sets of findings", "count"),
    "hints": ngettext_lazy("hints of %(count)d challenge", "hints of %(count)d challenges", "count"),
    "reports": ngettext_lazy("%(count)d report of a problem", "%(count)d reports of problems", "count"),
    "notices": ngettext_lazy("%(count)d notice", "%(count)d notices", "count"),
    "hidings": ngettext_lazy(
        "%(count)d leaderboard where the entry is hidden, and stays so",
        "%(count)d leaderboards where the entry is hidden, and stays so",
        "count",
    ),
    "friends": ngettext_lazy("%(count)d friend on leaderboards", "%(count)d friends on leaderboards", "count"),
    "addresses": ngettext_lazy("%(count)d email address", "%(count)d email addresses", "count"),
}


class AskForm(ServiceForm):
    other = text(
        gettext_lazy("Code of the other account"),
        CODE_CHARS,
        required=True,
        help_text=gettext_lazy(
            "Sign in to the other account and copy the code from this page there. It works for an hour."
        ),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class ProposalForm(ServiceForm):
    kept = text(gettext_lazy("The account that stays"), NAME_CHARS, required=True)
    gone = text(gettext_lazy("The account that is closed"), NAME_CHARS, required=True)
    reason = text(
        gettext_lazy("Reason"),
        REASON_CHARS,
        required=True,
        help_text=gettext_lazy("The owner of both accounts reads it."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )


def in_words(counts: dict[str, int]) -> list[str]:
    return [str(words % {"count": counts[name]}) for name, words in WORDS.items() if counts.get(name)]


@login_required
@signed_in_again
@require_http_methods(["GET", "HEAD", "POST"])
def account_merge(request: HttpRequest) -> HttpResponse:
    """What a merge does, the one that waits for consent, or the form that asks for one. All need a recent log-in."""
    user = _account(request)
    form = AskForm(request.POST if request.method == "POST" and request.POST.get("action") == "ask" else None)
    status = 200
    if request.method == "POST":
        try:
            if form.is_bound:
                return _ask(request, user, form)
            return _decide(request, user)
        except Refused as refused:
            status = refused.status
            if form.is_bound:
                form.refuse(refused)
            else:
                messages.warning(request, refused.message)
                return redirect("account_merge")
    return render(request, "own_data/merge.html", {**_state(user), "form": form}, status=status)


def _ask(request: HttpRequest, user: User, form: AskForm) -> HttpResponse:
    if not form.is_valid():
        return render(request, "own_data/merge.html", {**_state(user), "form": form}, status=422)
    merging.ask(user, merging.found_by_code(form.cleaned_data["other"], "other"))
    messages.success(request, _("You have agreed. Now sign in to the other account, and agree there on this page."))
    return redirect("account_merge")


def _decide(request: HttpRequest, user: User) -> HttpResponse:
    """Carries out what a button says, about the merge that the page has shown."""
    merge = get_object_or_404(Merge.objects.of(user), pk=whole_number(request.POST.get("merge")) or 0)
    action = request.POST.get("action")
    if action == "agree":
        done = merging.consent(merge, by=user)
        if done.merged_at is None:
            messages.success(request, _("You have agreed. Now sign in to the other account, and agree there."))
        elif user.pk == done.gone_id:
            logout(request)
            said = _("The accounts are one now. This one is closed: sign in as “%(name)s”.")
            messages.success(request, said % {"name": done.kept.pseudonym})
            return redirect("account_login")
        else:
            messages.success(request, _("The accounts are one now. Everything of the other one is here."))
    elif action == "back":
        merging.take_back(merge, by=user)
        messages.success(request, _("Your consent is taken back. Nothing was moved."))
    elif action == "end":
        merging.end(merge, by=user)
        messages.success(request, _("The accounts stay two. Nothing was moved."))
    else:
        raise Http404
    return redirect("account_merge")


def _state(user: User) -> dict[str, Any]:
    merge = Merge.objects.open().of(user).select_related("kept", "gone").first()
    state: dict[str, Any] = {"merge": merge, "merged": Merge.objects.filter(kept=user).exclude(merged_at=None)}
    if merge is None:
        state["code"] = merging.code_of(user)
    else:
        other = merge.other(user)
        state |= {"other": other, "stays": merge.kept_id == user.pk}
        state |= {"agreed_at": merge.agreed_at(user), "other_agreed_at": merge.agreed_at(other)}
        # What another account has, its owner alone reads, until the owner has agreed there.
        if not state["stays"] or state["other_agreed_at"]:
            state |= {"moves": in_words(moving.counts(merge.gone)), "shows_moves": True}
    return state


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def merge_propose(request: HttpRequest) -> HttpResponse:
    """The form with which staff propose a merge, and their proposals that wait, which they can withdraw."""
    user = _account(request)
    if not merging.may_propose_any(user):
        raise Http404
    if request.method == "POST" and request.POST.get("action") == "withdraw":
        return _withdraw(request, user)
    form = ProposalForm(request.POST if request.method == "POST" else None, initial=request.GET.dict())
    status = 200
    if form.is_valid():
        given = form.cleaned_data
        try:
            kept, gone = (merging.found_by(given[name], name) for name in ("kept", "gone"))
            if not merging.may_propose(user, kept, gone):
                raise Refused("not_both", _("You do not see what both accounts do, in any course or class."), 403)
            merging.propose(kept, gone, by=user, reason=given["reason"])
        except Refused as refused:
            form.refuse(refused)
            status = refused.status
        else:
            messages.success(request, _("It is proposed. Nothing is moved before the owner has agreed from both."))
            return redirect("merge_propose")
    elif form.is_bound:
        status = 422
    mine = Merge.objects.open().filter(proposed_by=user).select_related("kept", "gone")
    return render(request, "own_data/propose_merge.html", {"form": form, "proposed": mine}, status=status)


def _withdraw(request: HttpRequest, user: User) -> HttpResponse:
    key = whole_number(request.POST.get("merge")) or 0
    try:
        merging.end(get_object_or_404(Merge, pk=key, proposed_by=user), by=user)
    except Refused as refused:
        messages.warning(request, refused.message)
    else:
        messages.success(request, _("The proposal is withdrawn."))
    return redirect("merge_propose")


def _account(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user
