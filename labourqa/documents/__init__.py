"""Reads a file on disk into text: one module a format, and `document.py`, which tells the formats apart.

This package may import `labourqa.errors` and `labourqa.law.structure`, nothing else of labourqa.
"""
