"""Checks who may see the pages of reviews. For everyone else, they do not exist."""

from django.http import Http404, HttpRequest

from gradus.accounts.models import User


def reviewer(request: HttpRequest) -> User:
    """Returns the visitor. Raises `Http404` if the visitor is not a reviewer, so that the pages stay unknown."""
    if not isinstance(request.user, User) or not request.user.is_reviewer:
        raise Http404
    return request.user
