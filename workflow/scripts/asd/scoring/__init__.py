"""What a model says of new recordings: scores, p-values, reasons, and whether it still holds."""
