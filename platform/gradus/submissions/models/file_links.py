"""What the holder of a claim asks of the store of files."""

from django.db import models
from django.db.models.functions import Now

from gradus.submissions.models.evaluations import Evaluation


class FileLink(models.Model):
    """A worker without a key of the bucket asks for the address of one file, which is valid for some minutes.

    `size` is the number of bytes that it writes; None asks to read. The reconciler fills in `url`, or refuses it.
    """

    evaluation = models.ForeignKey(Evaluation, models.CASCADE, related_name="file_links")
    fence = models.PositiveIntegerField()
    store = models.CharField(max_length=10)
    name = models.CharField(max_length=300)
    size = models.PositiveBigIntegerField(null=True)
    url = models.TextField(blank=True)
    refused = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return f"{self.store}/{self.name} for evaluation {self.evaluation_id}, fence {self.fence}"
