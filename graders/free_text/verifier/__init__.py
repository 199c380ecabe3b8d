"""The built-in verifier: marks that are estimated from graded answers, without a judge."""
