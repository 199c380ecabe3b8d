"""Base models that a vLLM server computes, with the adapters that were trained here."""
