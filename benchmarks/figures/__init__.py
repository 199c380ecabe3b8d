"""What was measured: a figure, the file of a machine's figures, ratios to peers, and the distance from its limit."""
