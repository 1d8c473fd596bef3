"""What is handed out: packages, and whether what they need is known to be safe."""
