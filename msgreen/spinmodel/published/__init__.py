"""Spin models of paper B: rings of spins, tables, trimers and tetramers."""
