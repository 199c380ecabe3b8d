"""The room of the kind `rag`: its form, what was found for each public sample, and the documents."""
