"""The command `gradus`. It does not load Django."""
