"""What was fixed before: plans, the log in a package, and the class of each result."""
