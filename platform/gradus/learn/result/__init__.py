"""What pages show of a graded attempt or run, and of one that waits."""
