"""Published bundles and their drafts.

`uploads.py` takes an archive part by part, `publishing.py` pushes, publishes, discards and rolls back, `staging.py` has
a draft's rows, `board_versions.py` says which version a leaderboard holds, `preview.py` shows a draft to one person,
and `catalogue.py` is what pages read.
"""
