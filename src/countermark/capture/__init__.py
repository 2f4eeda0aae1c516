"""Stage 1: log formats become Events. Raw text and raw identifiers come in here and go no further."""
