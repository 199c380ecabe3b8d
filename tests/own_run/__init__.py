"""Answers in free text that quote rows of the learner's own run."""
