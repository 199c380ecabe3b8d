"""The site under load, on the production stack: `python -m benchmarks.web`."""
