"""A class's answers with known marks, to measure how fast and how rightly a person marks them; see `README.md`."""
