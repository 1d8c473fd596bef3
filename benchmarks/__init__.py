"""Measurements. Imports the product and the tests' stand-ins; imported by nothing."""
