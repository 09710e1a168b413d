"""One kind of figure a file: from a sight or a view to a matplotlib figure, without any global state."""
