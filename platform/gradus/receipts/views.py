"""Pages and addresses of receipts that are for everybody."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from gradus.receipts import services
from gradus.receipts.forms import ReceiptForm


@require_safe
def receipt_keys(request: HttpRequest) -> JsonResponse:
    """A JSON Web Key Set (RFC 7517) of every key with which this site has signed receipts."""
    return JsonResponse({"keys": services.keys()})


@require_http_methods(["GET", "HEAD", "POST"])
def receipt_check(request: HttpRequest) -> HttpResponse:
    """Checks a receipt that somebody was given, and says in words what it states. Nothing of it is kept."""
    form = ReceiptForm(request.POST, request.FILES) if request.method == "POST" else ReceiptForm()
    checked = form.statement if form.is_valid() else None
    since = checked is not None and checked.verdict != "annulled" and services.is_annulled(checked.facts)
    context = {"form": form, "statement": checked, "annulled_since": since}
    return render(request, "receipts/check.html", context, status=422 if form.errors else 200)
