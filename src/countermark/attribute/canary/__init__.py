"""Canaries: harmless free choices, drawn at random and committed to, served in answers, scored as multiple
choice."""

from countermark.attribute.canary.score import Canary

__all__ = ["Canary"]
