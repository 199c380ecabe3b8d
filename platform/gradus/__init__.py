"""The Gradus site."""
