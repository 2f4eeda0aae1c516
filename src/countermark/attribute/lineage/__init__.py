"""Lineage: are these weights independent of ours?"""

from countermark.attribute.lineage.lineage import Lineage

__all__ = ["Lineage"]
