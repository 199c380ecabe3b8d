"""Grades free-text answers with checks in code, a judge that marks each criterion with quotes, and a verifier.

`judge/` has what the judge is told, the forms of its replies, the votes and the call about denials; `verifier/` the
built-in verifier; `attacks/` the suite of attacks. `gate.py` says why figures do not open a gate, and `speech_acts.py`
is one table of what an answer's words give away.
"""
