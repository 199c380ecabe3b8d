"""The public keys with which receipts were signed, so that old receipts stay valid when the site's secret changes."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Length, Now
from django.db.models.lookups import Exact

KEY_CHARS = 43


class ReceiptKey(models.Model):
    """A public Ed25519 key in base64url. The table is append-only."""

    public = models.CharField(max_length=KEY_CHARS, unique=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(name="a_receipt_key_is_whole", condition=Q(Exact(Length("public"), KEY_CHARS)))
        ]

    def __str__(self) -> str:
        return self.public
