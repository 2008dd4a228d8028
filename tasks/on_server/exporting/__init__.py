"""What of an instance's user becomes open formats: read as the instance's own user, written as one stream (P41).

Runs on servers: standard library only, as a zipped program of its own (`tasks.export_program`).
"""
