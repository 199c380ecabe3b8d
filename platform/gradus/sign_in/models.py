"""What is kept about providers of sign-in, beside the accounts of allauth that belong to accounts of Gradus."""

from django.db import models
from django.utils import timezone


class LastRefusal(models.Model):
    """The last sign-in with a provider that did not work, and why. It does not say whose it was."""

    provider = models.CharField(max_length=40, unique=True)
    at = models.DateTimeField(default=timezone.now)
    code = models.CharField(max_length=20)
    detail = models.CharField(max_length=200, blank=True)

    def __str__(self) -> str:
        return f"{self.provider}: {self.code}"
