from benchmarks.inference import main

main()
