"""Synthetic providers that write real log files (demo, benchmarks)."""
