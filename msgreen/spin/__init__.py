"""Spins: Pauli algebra, directions, spherical harmonics and point operations."""
