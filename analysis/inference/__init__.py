"""What a workspace says: fits and limits. Sees documents and arrays only."""
