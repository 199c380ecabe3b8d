"""Torch code: loading, scoring, generation, training, embeddings. Knows neither Django nor Celery."""
