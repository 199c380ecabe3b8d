"""A lesson's findings on its page: the figure, the sentences, and the learner's own runs of the public part."""
