"""Statistics of preferences, on numpy and scipy only."""
