"""Side-by-side runs against peers, on the same checkpoint, rows and threads, in one call."""

from benchmarks.inference import main

main()
