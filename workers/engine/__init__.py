"""Torch code: loading, scoring, generation, training, embeddings. Knows neither Django nor Celery.

`tuning/` trains, and `kernels/` has what can be computed in more than one way.
"""
