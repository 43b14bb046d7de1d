"""The machine-ID classifier, whose embeddings make other IDs' normal clips the outliers that an ID is told from."""
