"""Whether new images still resemble those on which a network was validated."""
