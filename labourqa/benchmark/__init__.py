"""Compares the methods of reading a code side by side on this machine, and draws the results.

compare.py measures the methods and sweep.py batch sizes; results.py has their results, table.py and chart.py show them.
This package may import law, models and engine.
"""
