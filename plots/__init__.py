"""What is seen: figures from histograms, arrays and saved results."""
