"""Issues a token for an email address and a password."""

from datetime import datetime

from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from ninja import Router, Schema, Status
from pydantic import Field

from gradus.accounts import second_factor, tokens
from gradus.accounts.allauth_adapter import TooManyAttempts
from gradus.accounts.models import User
from gradus.accounts.token_rules import DAYS_MAX, LEARNER, TOKEN_DAYS, Content, LearnerData, Scope
from gradus.api.auth import Request
from gradus.submissions.services import Refused


class TokenIn(Schema):
    email: str = Field(max_length=254)
    password: str = Field(max_length=1024)
    name: str = Field("command line", min_length=1, max_length=80)
    days: int = Field(TOKEN_DAYS, ge=1, le=DAYS_MAX, description="After how many days the token expires")
    content: Content = Field(Content.NONE, description="What the token may do with course content")
    learner_data: LearnerData = Field(
        LearnerData.NONE, description="What the token may do with other people's answers and grades"
    )


class TokenOut(Schema):
    """The token, which is shown only in this response."""

    token: str
    name: str
    prefix: str
    expires_at: datetime
    content: Content
    learner_data: LearnerData


router = Router(tags=["tokens"])


STATUS = {"token_limit": 409, "scope_not_yours": 403}


@router.post("/tokens", response={201: TokenOut}, auth=None)
def token_create(request: Request, body: TokenIn) -> Status[TokenOut]:
    """Issues a bearer token for an email address and a password. The token is shown only in this response."""
    user, scope = _verified(request, body), Scope(body.content, body.learner_data)
    try:
        token, secret = tokens.issue(user, body.name, scope, body.days)
    except tokens.NotIssued as refusal:
        raise Refused(refusal.code, str(refusal), STATUS[refusal.code]) from None
    return Status(201, TokenOut.model_validate({**vars(token), "token": secret}))


def _verified(request: Request, body: TokenIn) -> User:
    """Returns the account with this email and password. allauth applies the rate limits.

    Raises:
        Refused: the account is unknown, the password is wrong, or the account is inactive (all with the same message,
            so that nobody learns which addresses have accounts); too many attempts; or the account needs the site's
            log-in page, because it has a second factor, needs one, or has an unconfirmed address.
    """
    try:
        user = get_adapter(request).authenticate(request, email=body.email, password=body.password)
    except TooManyAttempts as error:
        raise Refused("too_many_requests", str(error.message), 429, retry_after=error.seconds) from None
    if not isinstance(user, User) or not user.is_active:
        raise Refused("wrong_credentials", "The email and password do not match an account.", 401)
    more = Scope(body.content, body.learner_data) != LEARNER
    if is_mfa_enabled(user) or _unverified(user) or (more and second_factor.is_overdue(user)):
        raise Refused("sign_in_needed", "Sign in on the site and make a token on your profile.", 403)
    return user


def _unverified(user: User) -> bool:
    mandatory = settings.ACCOUNT_EMAIL_VERIFICATION == "mandatory"
    return mandatory and not EmailAddress.objects.filter(user=user, verified=True).exists()
