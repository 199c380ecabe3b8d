"""The kinds of challenge, each with its payload, its keys and its checks."""
