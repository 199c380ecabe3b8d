"""The standard shapes of work, the texts for them, and the answers of our engine and of the oracle."""
