"""What one grading needs beside its grader: its assignment, what a learner sees meanwhile, and what is stored."""
