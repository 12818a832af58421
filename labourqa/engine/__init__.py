"""Runs a language model, on this machine or on a server: scores articles for a question and generates text.

`base.py` has the interface; may import law and models, and of the answering side nothing.
"""
