from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from gradus.accounts import pseudonyms, second_factor, tokens
from gradus.accounts.models import ApiToken, User
from gradus.accounts.token_rules import LEARNER
from gradus.learn.path import history
from gradus.learn.profile_forms import PseudonymForm, TokenForm
from gradus.notices.models import MailWish
from gradus.notices.services import UNCONFIRMED, why_no_mails


@login_required
def profile(request: HttpRequest) -> HttpResponse:
    """What the site knows of a learner and does for one, with the forms that change it."""
    if request.method == "POST":
        return _rename(request)
    if "propose" in request.GET:
        form = PseudonymForm(initial={"pseudonym": pseudonyms.propose()})
        return _page(request, pseudonym_form=form, is_proposal=True)
    return _page(request)


def _rename(request: HttpRequest) -> HttpResponse:
    # A row of its own: a form that is refused has changed its instance, and the header shows the name that counts.
    form = PseudonymForm(request.POST, instance=User.objects.get(pk=_account(request).pk))
    if form.is_valid():
        try:
            pseudonyms.rename(_account(request), form.cleaned_data["pseudonym"])
        except pseudonyms.Taken:
            form.add_error("pseudonym", pseudonyms.TAKEN)
    if form.errors:
        return _page(request, pseudonym_form=form, status=422)
    messages.success(request, _("Leaderboards now show your new name."))
    return redirect("profile")


@login_required
@require_POST
def token_create(request: HttpRequest) -> HttpResponse:
    """Shows the secret once, in the answer to this POST only."""
    user = _account(request)
    form = TokenForm(user, request.POST)
    if form.is_valid() and form.scope != LEARNER and second_factor.is_missing(request):
        said = _("A token with more than a learner's rights needs a second factor. Open a page under Teach to give it.")
        form.add_error(None, said)
    if not form.is_valid():
        return _page(request, token_form=form, status=422)
    try:
        secret = tokens.issue(user, form.cleaned_data["name"], form.scope, int(form.cleaned_data["days"]))[1]
    except tokens.NotIssued as refusal:
        form.add_error(None, str(refusal))
        return _page(request, token_form=form, status=422)
    return _page(request, secret=secret)


@login_required
@require_POST
def token_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    token = get_object_or_404(ApiToken.objects.live(), pk=pk, user=_account(request))
    tokens.revoke(token)
    messages.success(request, _("The token “%(name)s” no longer works.") % {"name": token.name})
    return redirect(reverse("profile") + "#tokens")


def _account(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def _page(request: HttpRequest, *, status: int = 200, **given: Any) -> HttpResponse:
    """The page, with forms as they begin where `given` has none that were sent."""
    user = _account(request)
    reason = why_no_mails(user)
    context = {
        "pseudonym_form": PseudonymForm(instance=user),
        "token_form": TokenForm(user),
        "tokens": ApiToken.objects.live().filter(user=user).order_by("-pk"),
        "tried": history.tried(user),
        "why_no_mails": reason,
        "must_confirm": reason == UNCONFIRMED,
        "wants_mails": MailWish.objects.filter(user=user).exists(),
        **given,
    }
    return render(request, "learn/profile.html", context, status=status)
