"""Logs, metrics and the clock of a running process, and its garbage collector."""
