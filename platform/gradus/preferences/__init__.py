"""Which of two answers learners prefer."""
