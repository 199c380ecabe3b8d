"""What follows from grades: standings, releases, what people decide about boards, and which attempts are alike.

`standings.py` computes a learner's standing, `releasing.py` lets a class see its grades, `visible_result.py` is what a
learner may see of one, and `copying/` finds attempts that have parts in common.
"""
