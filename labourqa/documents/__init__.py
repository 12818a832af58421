"""Reads a file on disk into text: one module a format, and `document.py`, which tells the formats apart.

This package may import `labourqa.errors`, `labourqa.law.structure` and `labourqa.law.places`, nothing else of labourqa.
"""
