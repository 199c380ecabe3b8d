"""What a lesson's page shows: its text, its questions, its advisor and the numbers that it states."""
