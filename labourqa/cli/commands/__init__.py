"""The commands: `labourqa NAME` is the function `command` of the module NAME. They may import the whole package."""
