"""Signed receipts of scores, and their public keys."""
