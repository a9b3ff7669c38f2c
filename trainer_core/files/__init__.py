"""Files as everything here writes and finds them: whole or absent, where they belong."""
