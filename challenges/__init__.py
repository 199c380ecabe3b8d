"""The authoring format: what a course, a lesson and a challenge are. No Django, no torch."""
