"""What every test relies on: one BLAS thread, float64 and strict dtype promotion."""

import os

# Read when the BLAS is loaded, hence before numpy is imported.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["MPLBACKEND"] = "Agg"

import jax

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_dtype_promotion", "strict")
