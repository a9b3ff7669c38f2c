"""Data sets and tokenizers: what people bring, what there is, and the processes that take it in."""
