"""Sweeps: every combination of data, fields, arms, seeds and folds, each in a run directory of its own."""
