"""Documents and tables cut into salted leaves, so that one can be taken out and the rest verifies."""
