"""What a method costs: the learner's attempts and the author's results on one hidden set, side by side."""
