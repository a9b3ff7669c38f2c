"""How well it is learnt, on data held out."""
