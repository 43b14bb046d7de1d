"""From features to scores and decisions."""
