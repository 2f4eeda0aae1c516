"""Stage 2: Events become Findings (account networks)."""
