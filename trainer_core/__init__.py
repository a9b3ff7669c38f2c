"""The training library and its worker."""
