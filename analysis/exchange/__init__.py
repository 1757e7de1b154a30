"""Files to share: workspaces, and what made them."""
