"""The reconciler: what the site does every ten seconds, whoever else is at work."""
