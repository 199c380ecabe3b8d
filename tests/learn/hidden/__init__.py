"""Nothing hidden reaches a learner, not even by the time that grading takes."""
