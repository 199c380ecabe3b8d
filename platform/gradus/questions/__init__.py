"""What learners answer to the questions of a lesson, what they gain, and which steps they have read."""
