"""The EvidencePackage as a format: its files, layers, Statements, tables and timestamps."""
