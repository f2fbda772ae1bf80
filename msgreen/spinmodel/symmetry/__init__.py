"""Symmetry of spin models: groups, what they do to interactions, and what they allow."""
