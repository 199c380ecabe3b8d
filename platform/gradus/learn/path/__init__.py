"""The learning path: how far a learner is, what comes next, and what was done so far."""
