"""Inference: covariances, resampling, dependence over networks, families of tests, sensitivity."""
