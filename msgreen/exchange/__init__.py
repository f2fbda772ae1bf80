"""Coefficients of the energy: closed forms over loops, and derivatives."""
