"""Whether a difference is real: intervals, p-values, and the word for each arm."""
