"""The finished model, and the papers that say where it came from."""
