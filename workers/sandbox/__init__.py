"""Runs models in a confined child process of the worker."""
