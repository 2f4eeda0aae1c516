"""Countermark: find unauthorised distillation, prove it, share it, and seal the evidence.

Read `countermark.flow` first: it is the page that joins the stages.
"""

__version__ = "0.1.0"
