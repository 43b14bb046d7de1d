"""The recordings that the workflow simulates itself."""
