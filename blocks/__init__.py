"""Connections and credentials, one class a file; they connect and don't decide."""
