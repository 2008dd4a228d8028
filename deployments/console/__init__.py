"""The operators' console: `phm`."""
