"""Pictures of all pages and states, and those of README."""
