"""Record attention maps, and draw maps, predictions and errors."""
