"""The base models that challenges may name, their tokens and templates."""
