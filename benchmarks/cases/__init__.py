"""The cases, one module each: what is done to the subjects, and which numbers come of it."""
