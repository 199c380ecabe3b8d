"""How challenges do: what learners reach, which rows they miss, and what an author can do about it."""
