"""How the data's fields go into somebody's own module, and what comes out of it."""
