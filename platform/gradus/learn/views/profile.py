from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.validators import RegexValidator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from gradus.accounts import tokens
from gradus.accounts.models import ApiToken, User


class PseudonymForm(forms.ModelForm[User]):
    pseudonym = forms.CharField(
        min_length=3,
        max_length=40,
        validators=[RegexValidator(r"^[\w][\w .-]*$", "Use letters, digits, spaces, dots and hyphens.")],
        help_text="Boards show this name and nothing else of you.",
    )

    class Meta:
        model = User
        fields = ("pseudonym",)


class TokenForm(forms.Form):
    name = forms.CharField(max_length=80, label="What is it for?", help_text="For example “laptop”.")


@login_required
@never_cache
def profile(request: HttpRequest) -> HttpResponse:
    """Pseudonym, API tokens, and the way to the account's other pages."""
    user = _account(request)
    form = PseudonymForm(request.POST or None, instance=User.objects.get(pk=user.pk))
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, "Your pseudonym is changed, on the boards too.")
        return redirect("profile")
    return _page(request, pseudonym=form, status=422 if form.errors else 200)


@login_required
@require_POST
@never_cache
def token_create(request: HttpRequest) -> HttpResponse:
    """Shows the secret once, in the answer to this POST only."""
    form, user = TokenForm(request.POST), _account(request)
    if not form.is_valid():
        return _page(request, token_form=form, status=422)
    if tokens.has_all(user):
        form.add_error(None, f"You have {tokens.MOST} tokens. Revoke one first.")
        return _page(request, token_form=form, status=422)
    _, secret = ApiToken.issue(user, form.cleaned_data["name"])
    return _page(request, secret=secret)


@login_required
@require_POST
def token_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    token = get_object_or_404(ApiToken.objects.live(), pk=pk, user=_account(request))
    tokens.revoke(token)
    messages.success(request, f"The token “{token.name}” no longer works.")
    return redirect("profile")


def _account(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def _page(
    request: HttpRequest,
    *,
    pseudonym: PseudonymForm | None = None,
    token_form: TokenForm | None = None,
    secret: str = "",
    status: int = 200,
) -> HttpResponse:
    user = _account(request)
    context = {
        "pseudonym_form": pseudonym or PseudonymForm(instance=user),
        "token_form": token_form or TokenForm(),
        "tokens": ApiToken.objects.live().filter(user=user).order_by("-pk"),
        "secret": secret,
    }
    return render(request, "learn/profile.html", context, status=status)
