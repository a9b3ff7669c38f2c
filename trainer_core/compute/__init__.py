"""How the numbers are computed on this machine: measured, decided, and carried out."""
