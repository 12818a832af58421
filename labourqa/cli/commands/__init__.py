"""The commands: `labourqa NAME` runs `command` in the module NAME."""
