"""Hosts, one network a file; each registers itself with `foveate.models.hosts.registry.host`."""
