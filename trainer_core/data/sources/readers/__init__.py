"""From the bytes of one file to its documents or records, a format a module. Nothing is held but what is being read."""
