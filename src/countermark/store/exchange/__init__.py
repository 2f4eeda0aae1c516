"""Tables of the exchange, on SQLite (embedded) or PostgreSQL (by URL)."""
