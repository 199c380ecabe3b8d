"""Stores figures in one file for each kind of machine, and compares them with peers and the machine's limit."""
