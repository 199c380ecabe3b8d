"""How challenges do: what learners reach, which rows they miss, and what an author can do about it.

`row_scores.py` keeps what attempts scored on hidden rows, `item_analysis.py` says which rows tell learners apart,
`figures.py` computes and keeps the figures of a version, `advice.py` says what to do.
"""
