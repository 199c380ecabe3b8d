"""What a lesson consists of: text, drawings, demo, questions."""
