"""What folders, names, lists and tables say about which mask belongs to which image."""
