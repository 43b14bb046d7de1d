"""From scores to statistics and tables."""
