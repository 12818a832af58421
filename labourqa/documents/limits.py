"""How much work a document may cause: the file is untrusted, and a few bytes can unpack to gigabytes."""

# A labour code is a megabyte or two.
MAX_BYTES = 50_000_000
