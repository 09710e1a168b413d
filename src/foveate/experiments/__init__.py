"""Comparisons: plan arms x seeds, say how long they take, train what is missing, and draw the verdicts."""
