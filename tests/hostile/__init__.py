"""Hostile input and the expected outcome of each case; the site and its workers must survive all of it.

`corpus.py` collects the cases of `prompts.py`, `rows.py`, `bodies.py` and `harmless.py`. `test_corpus.py` sends each
to the web form and to the API, and lets a worker with a stub engine grade the accepted ones.
"""
