"""Argv and SQL as values, one file a program, with parsers of the answers."""
