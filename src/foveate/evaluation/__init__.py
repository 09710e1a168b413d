"""Evaluate trained networks: scores, errors, calibration and cost."""
