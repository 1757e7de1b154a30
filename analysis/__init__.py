"""What is measured and inferred: events, histograms, workspaces, limits, files."""
