"""A server of predictions over HTTP: reading, batching, answering, watching."""
