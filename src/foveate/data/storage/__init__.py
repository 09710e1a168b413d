"""Where files lie that are not in a plain folder: archives, tars, shards, addresses, downloads."""
