"""What a spin does to electrons: its direction becomes a potential or a t-matrix."""
