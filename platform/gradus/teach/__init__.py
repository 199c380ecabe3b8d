"""The pages for people with a role in a course or a class.

A course's state, its people and invitations, and a class with its members, dates, gradebook, announcements and trace.
`viewing.py` shows the site as a learner sees it, `board_entries.py` and `board_history.py` read what the moderation of
leaderboards shows, `usage.py` says what a course or class has used, and `budgets.py` what it may use.
"""
