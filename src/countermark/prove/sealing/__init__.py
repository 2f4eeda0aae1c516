"""A case becomes a package."""
