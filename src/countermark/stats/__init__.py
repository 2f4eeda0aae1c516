"""Exact tests in log space, multiplicity, calibration."""
