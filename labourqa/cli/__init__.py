"""The command line: results go to stdout, progress and messages to stderr.

May import everything; nothing imports it.
"""
