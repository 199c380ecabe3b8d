"""Detects answers that contain the right words but do not state them, and sends them to a person."""
