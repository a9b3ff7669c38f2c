"""The families of models, from their specs to modules with weights."""
