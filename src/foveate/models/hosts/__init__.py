"""Hosts, one network per file; each registers itself with `foveate.models.hosts.registry.host`."""
