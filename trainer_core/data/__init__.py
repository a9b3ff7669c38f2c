"""Data sets: taken in, kept, split, and read as tokens or pixels."""
