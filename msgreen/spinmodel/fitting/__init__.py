"""Spin models fitted to energies and constraining fields of sampled configurations."""
