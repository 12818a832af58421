"""Files on disk to text: PDF, Word and plain text."""
