"""Bad input, made by code; what is expected of each case; and the site and worker that must live through it.

`corpus.py` gathers the cases of `prompts.py`, `rows.py`, `bodies.py` and `harmless.py`; `test_corpus.py` sends each
through the web form and the API, and whatever is taken at submit through a worker with a stub engine.
"""
