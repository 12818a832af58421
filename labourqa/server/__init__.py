"""Answers questions over HTTP: its own API, an OpenAI-compatible one, the Model Context Protocol, and the page.

May import every package before it in the order of tests/test_imports.py; owns FastAPI, uvicorn, prometheus-client and
mcp. All surfaces share one queue of questions and one set of loaded models.
"""
