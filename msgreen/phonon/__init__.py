"""What vibrations do to spins: mediated interactions (F1) and vibrating spin pairs (F2)."""
