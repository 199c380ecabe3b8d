from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest

from gradus.accounts.guests import SESSION_KEY, learner
from gradus.accounts.models import User


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Sign-up turns the session's guest into the account, so that what the guest did stays theirs."""

    def new_user(self, request: HttpRequest) -> User:
        guest = learner(request)
        return guest if guest is not None and guest.is_guest else User()

    def save_user(self, request: HttpRequest, user: User, form: object, commit: bool = True) -> User:
        was_guest = user.is_guest
        user.is_guest = False
        if was_guest:
            user.username = ""
        saved: User = super().save_user(request, user, form, commit)
        request.session.pop(SESSION_KEY, None)
        return saved
