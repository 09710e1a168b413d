"""Where attention pays: candidates, their latency, cheap scores, successive halving, and the comparison."""
