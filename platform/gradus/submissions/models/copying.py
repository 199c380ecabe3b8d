"""The index with which similar attempts of other learners are found, for staff only."""

from django.db import models

from gradus.courses.models import Challenge
from gradus.submissions.models.evaluations import Submission


class Fingerprint(models.Model):
    """One of the smallest hashes of what a learner wrote in an attempt: attempts that share some may share texts.

    `gradus.submissions.results.copying` writes and compares them. They can be computed again from the attempts.
    """

    pk = models.CompositePrimaryKey("submission_id", "hash")
    submission = models.ForeignKey(Submission, models.CASCADE, related_name="fingerprints", db_index=False)
    challenge = models.ForeignKey(Challenge, models.CASCADE, related_name="+", db_index=False)
    hash = models.BigIntegerField()

    class Meta:
        indexes = [
            # It has all columns that the search reads.
            models.Index(name="attempts_with_a_hash", fields=["challenge", "hash", "submission"])
        ]

    def __str__(self) -> str:
        return f"{self.hash} of attempt {self.submission_id}"
