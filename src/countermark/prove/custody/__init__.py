"""Who acquired, held and handled what; the terms that applied; the same as a CASE/UCO graph."""
