"""What learners take home beside the weights: a card, and scripts that need nothing of ours."""
