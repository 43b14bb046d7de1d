"""Archives of recordings: fetched, verified and unpacked."""
