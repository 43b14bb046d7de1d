"""From recordings to features, and the files that hold them."""
