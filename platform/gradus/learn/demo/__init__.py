"""What a visitor tries in a lesson: a demo of three answers, and a retriever of three searches."""
