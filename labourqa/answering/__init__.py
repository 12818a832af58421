"""Turns a question and the articles' scores into an answer: selection, quotation, checks, report and export.

May import law, models (relevance) and engine (base); nothing here loads a model or opens the database.
"""
