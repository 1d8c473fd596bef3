"""Canaries: secrets, card digits and words that are planted, and looked for in everything that a daemon gives out."""
