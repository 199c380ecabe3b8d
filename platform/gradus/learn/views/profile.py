from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.validators import RegexValidator
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from gradus.accounts import scopes, tokens
from gradus.accounts.models import ApiToken, User
from gradus.accounts.scopes import Content, LearnerData, Scope
from gradus.accounts.token_limits import DAYS_MAX, TOKEN_DAYS
from gradus.validators import allowed_characters


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
    """What staff and teachers may do beside their own work is offered to them. What is left out is as it begins."""

    name = forms.CharField(
        max_length=80,
        label="What is it for?",
        help_text="For example “laptop”.",
        validators=[allowed_characters],
    )
    days = forms.ChoiceField(
        choices=[(days, f"{days} days") for days in (7, 30, TOKEN_DAYS, 180)] + [(DAYS_MAX, "a year")],
        initial=TOKEN_DAYS,
        label="When does it end?",
    )
    content = forms.ChoiceField(
        choices=Content,
        initial=Content.NONE,
        label="Course content",
        help_text="Lessons, challenges and their versions.",
    )
    learner_data = forms.ChoiceField(
        choices=LearnerData,
        initial=LearnerData.NONE,
        label="Learner data",
        help_text="Other people's answers and grades.",
    )

    def __init__(self, user: User, data: QueryDict | None = None) -> None:
        super().__init__(None if data is None else self.completed(data))
        for axis, widest in vars(user.widest_scope).items():
            levels = [level for level in type(widest) if scopes.rank(level) <= scopes.rank(widest)]
            self.fields[axis].choices = [(level.value, level.label) for level in levels]  # type: ignore[attr-defined]
            if len(levels) == 1:
                self.fields[axis].widget = forms.HiddenInput()

    @classmethod
    def completed(cls, data: QueryDict) -> QueryDict:
        """A script that posts the name alone gets a token as it begins."""
        whole = data.copy()
        for name, field in cls.base_fields.items():
            if field.initial is not None:
                whole.setdefault(name, str(field.initial))
        return whole

    @property
    def scope(self) -> Scope:
        return Scope(Content(self.cleaned_data["content"]), LearnerData(self.cleaned_data["learner_data"]))


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
    user = _account(request)
    form = TokenForm(user, request.POST)
    if not form.is_valid():
        return _page(request, token_form=form, status=422)
    try:
        _, secret = tokens.issue(user, form.cleaned_data["name"], form.scope, int(form.cleaned_data["days"]))
    except tokens.NotIssued as refusal:
        form.add_error(None, str(refusal))
        return _page(request, token_form=form, status=422)
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
        "token_form": token_form or TokenForm(user),
        "tokens": ApiToken.objects.live().filter(user=user).order_by("-pk"),
        "secret": secret,
    }
    return render(request, "learn/profile.html", context, status=status)
