"""No text that somebody wrote becomes script."""
