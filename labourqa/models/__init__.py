"""Fetches models, checks and loads them, and holds the sentence encoder and the trained relevance of articles.

Of the project's packages it may import law, documents and the modules at the top level, such as errors and config.
"""
