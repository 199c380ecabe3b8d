"""Who may see the pages; for all others they are not there."""

from django.http import Http404, HttpRequest

from gradus.accounts.models import User


def reviewer(request: HttpRequest) -> User:
    """Raises Http404 for all others, so that the pages tell nothing of themselves."""
    if not isinstance(request.user, User) or not request.user.is_reviewer:
        raise Http404
    return request.user
