"""Rule plot_roc."""
