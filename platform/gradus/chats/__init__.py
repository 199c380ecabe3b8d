"""Learners' messages to what they have trained. A message is a run, which holds its answers."""
