"""How fast a run is, and what it takes from the machine."""
