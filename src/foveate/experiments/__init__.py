"""Comparisons: plan arms and seeds, forecast the duration, train the missing runs, and compare the arms."""
