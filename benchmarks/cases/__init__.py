"""The cases: each drives subjects with the same load, and adds what it measured to the results."""
