"""Where in a network attention can sit."""
