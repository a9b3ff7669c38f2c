"""Work on data that runs in a process of its own."""
