"""Evidence that attempts of different learners have parts in common, for staff only, and never a verdict.

`material` says what of a payload is compared, `given` what does not count because the course hands it out,
`fingerprints` keeps the index with which candidates are found, and `evidence` compares them exactly.
"""
