"""Usage policies as dated data: which clause was in force for an account on a day."""
