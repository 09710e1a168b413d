"""HTML reports of comparisons, inspections and the doctor. Each is one file that needs no network."""
