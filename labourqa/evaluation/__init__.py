"""Labelled questions, the results of asking them, and measures."""
