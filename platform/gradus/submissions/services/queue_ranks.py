"""How early an evaluation is claimed: workers take the lowest `fair_share_rank` first, and of equal ranks the oldest.

A learner's evaluation has the number of evaluations that the learner had open before it, so that nobody's many
submissions hold up another learner's first one.
"""

# Grades that staff asked for again, such as shadow runs of a regrade: learners wait for none of them.
REGRADE = 1000
# Baselines that verify a version, which nobody waits for: everything else is claimed before them.
BASELINE = 1_000_000
