"""Reading methods compared side by side on this machine."""
