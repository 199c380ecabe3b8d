"""The pages for people with a role in a course."""
