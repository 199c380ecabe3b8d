"""Looking passages up: by words, by vectors, or by both. It runs in the runner, and needs no base model."""
