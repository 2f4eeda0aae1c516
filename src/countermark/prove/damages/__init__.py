"""Sums out of sourced inputs, by code and as a workbook."""
