"""Honest answers and attacks for three long questions, as JSON Lines; `README.md` says what each file is for."""
