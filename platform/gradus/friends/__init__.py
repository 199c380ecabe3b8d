"""Learners who have agreed to find each other's entries on leaderboards: their page, and all that writes them."""
