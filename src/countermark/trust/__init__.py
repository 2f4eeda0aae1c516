"""Key files with mode checks, Ed25519 signatures, DSSE envelopes."""
