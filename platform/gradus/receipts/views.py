"""The public keys of receipts, for everybody."""

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from gradus.receipts import services


@require_safe
def receipt_keys(request: HttpRequest) -> JsonResponse:
    """A JSON Web Key Set (RFC 7517) of every key with which this site has signed receipts."""
    return JsonResponse({"keys": services.keys()})
