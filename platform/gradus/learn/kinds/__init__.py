"""The page of each kind of challenge: its form, its payload, its result."""
