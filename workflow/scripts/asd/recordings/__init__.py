"""Recordings: where they lie, what their headers say, and reading them."""
