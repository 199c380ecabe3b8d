"""How pages look, and how much they weigh."""
