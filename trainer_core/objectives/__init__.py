"""What is learnt: the next token, or the class."""
