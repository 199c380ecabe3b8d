"""The judge's side: what a call says, the form of its reply, and how replies become one mark for each criterion."""
