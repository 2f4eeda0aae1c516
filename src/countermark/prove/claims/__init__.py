"""Elements of a claim, and which exhibit supports each."""
