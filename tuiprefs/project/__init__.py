"""A project folder: typed settings, paths, presets and first-run files."""
