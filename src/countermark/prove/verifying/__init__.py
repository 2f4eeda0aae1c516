"""A package is checked offline, in numbered steps."""
