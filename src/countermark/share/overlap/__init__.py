"""Private overlap: how many accounts two members have in common, without telling which (ADR 0017)."""
