"""What is measured: shapes, the work of one on real text, our answers and the oracle's."""
