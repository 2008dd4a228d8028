"""Idempotent steps, one file for each thing acted on."""
