"""Measures answers on labelled questions: cases, resumable results, measures and their summary.

May import answering; the questions are asked through a function that the caller passes in.
"""
