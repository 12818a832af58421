"""The command line: its commands, their output and progress bars."""
