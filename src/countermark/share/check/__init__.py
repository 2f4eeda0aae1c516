"""The joint watermark check: whose mark is in a text, without anybody's key leaving its owner (ADR 0018)."""
