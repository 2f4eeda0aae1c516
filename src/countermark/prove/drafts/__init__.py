"""Drafts for counsel, from templates."""
