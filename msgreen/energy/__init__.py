"""Energies of spin configurations to all orders, and states bound in a gap."""
