"""Training: the steps, what they minimise, and what is trained and saved."""
