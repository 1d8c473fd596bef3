"""Benchmarks: `make bench` compares the product with its peers, `make bench-quick` with what it was; see README.md."""
