"""Side-by-side runs against peers, on the same checkpoint, rows and threads, in one call."""

from benchmarks import allocator
from benchmarks.inference import main

allocator.same_for_all()
main()
