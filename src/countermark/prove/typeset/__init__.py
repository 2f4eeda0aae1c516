"""Documents of plain blocks, set as PDF/A."""
