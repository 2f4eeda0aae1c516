"""Reads the marks of serving engines, and one of our own, from token ids; the null is stated with every
p-value."""
