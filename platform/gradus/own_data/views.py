"""The download of one's own data."""

from django.contrib.auth.decorators import login_required
from django.http import FileResponse, HttpRequest
from django.utils import timezone
from django.views.decorators.cache import never_cache

from gradus.accounts import rate_limits
from gradus.accounts.models import User
from gradus.downloads import download
from gradus.own_data.document import write


@login_required
@never_cache
def my_data(request: HttpRequest) -> FileResponse:
    """Everything that the site keeps about the person who asks, as one JSON file."""
    assert isinstance(request.user, User)
    rate_limits.allow(request, "my_data", limit_get=True)
    file = write(request.user)
    name = f"gradus-{timezone.now():%Y-%m-%d}.json"
    return download(request, file, as_attachment=True, filename=name, content_type="application/json")
