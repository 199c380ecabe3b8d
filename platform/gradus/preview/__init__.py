"""`gradus course preview`: the pages of an author's folder on the author's own machine, which follow saved files."""
