"""Executors: whoever runs a program. Each is imported by its own module name."""
