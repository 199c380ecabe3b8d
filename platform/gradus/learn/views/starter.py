from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from challenges.spec import Kind
from gradus.learn import contexts as pages
from gradus.learn import forms
from gradus.learn import starter as starter_rows
from gradus.learn.views.access import shown_challenge


@require_POST
def starter_use(request: HttpRequest, slug: str) -> HttpResponse:
    """Puts the starter rows into the form; asks first where they would overwrite rows, and can take them back."""
    found = shown_challenge(slug)
    version = found.version
    if version is None or not version.train or Kind.LORA not in found.spec.tracks:
        raise Http404
    draft = forms.from_request(found.spec, request, forms.rows_bytes(request))
    context: dict[str, Any] = {}
    if "undo" in request.POST:
        draft = forms.before_starter(draft, request)
    elif "keep" not in request.POST:
        lines = starter_rows.would_overwrite(version, draft)
        if lines and "replace" not in request.POST:
            context = {"overwrites": lines, "starter_count": len(version.train)}
        else:
            before = draft
            draft, cost = starter_rows.put_in(version, before)
            context = {"cost": cost, "before": before if lines else None}
    return pages.challenge_page(request, found, draft, starter=context)
