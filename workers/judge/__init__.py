"""The judge: the language model that marks answers in free text."""
