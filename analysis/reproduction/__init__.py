"""Published numbers beside ours: each a row that anyone can recompute."""
