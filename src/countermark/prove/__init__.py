"""Stage 5: the evidence package and its offline verifier."""
