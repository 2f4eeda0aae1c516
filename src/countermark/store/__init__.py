"""Tables and SQL; the only importer of duckdb."""
