"""The service's web side: the shop's events come in, customers open their links (ASGI)."""
