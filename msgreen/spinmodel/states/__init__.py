"""States of spin models: named ones, minima, spirals and spin waves."""
