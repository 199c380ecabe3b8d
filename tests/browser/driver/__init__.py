"""What drives a browser: the site under test, the ways to use a page, and what a learner does."""
