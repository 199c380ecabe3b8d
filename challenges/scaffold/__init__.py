"""How a course, a lesson and a challenge of each kind begin."""
