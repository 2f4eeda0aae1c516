"""The content of a report: what it says, in which order."""
