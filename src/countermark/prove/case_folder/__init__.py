"""The folder in which a case is gathered until it is sealed."""
