"""What is known: experiments, published results, tables, and the shared words."""
