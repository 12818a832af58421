"""Compares the methods of reading a code side by side on this machine, and draws the results.

May import law, models and engine.
"""
