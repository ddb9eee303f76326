"""Attacks on the host by what works in a sandbox, carried out against wt and against a container hardened by hand."""
