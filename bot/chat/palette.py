"""Colours of pictures, which lie on Discord's dark embeds. Needs no matplotlib."""

PANEL, GRID, TEXT, FAINT = "#1e1f22", "#313338", "#f2f3f5", "#949ba4"
TRAIN, VALIDATION = "#7289ff", "#f0b232"
