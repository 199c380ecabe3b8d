"""How an author's table becomes the rows of a challenge, and how rows that repeat are found."""
