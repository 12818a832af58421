"""Running a language model: scoring articles for a question, prefix caching, generation; on this machine or a server."""
