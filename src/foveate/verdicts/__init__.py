"""Decide whether a difference is real: intervals, p-values, and a verdict for each arm."""
