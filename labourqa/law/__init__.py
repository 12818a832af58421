"""What a law consists of, and how its text is parsed, numbered and referred to."""
