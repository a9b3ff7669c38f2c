"""From text to tokens: families, training, the shelf."""
