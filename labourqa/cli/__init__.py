"""The command line: results go to stdout, progress and messages to stderr.

It may import every other package; nothing imports it.
"""
