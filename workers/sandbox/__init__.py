"""The process that runs models apart from the worker, and what confines it."""
