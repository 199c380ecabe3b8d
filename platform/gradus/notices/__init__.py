"""Notices for learners about what has ended, the bell, and their mails."""
