"""How much work a document may cause: the file is untrusted, and a few bytes can unpack to gigabytes."""

MAX_BYTES = 50_000_000  # of the file, and of what it unpacks to; a labour code is a megabyte or two
MAX_CHARACTERS = 10_000_000  # of text; the longest labour codes have about a million
MAX_LINES = 500_000  # of text; a long labour code has 20,000
MAX_ELEMENTS = 600_000  # of XML or HTML: paragraphs, runs, cells; a long code in Word has 100,000
MAX_DEPTH = 200  # of elements inside one another
MAX_SECONDS = 20  # of processor time
MAX_WALL_SECONDS = 120  # a busy computer needs longer than the processor time
MAX_MEMORY_BYTES = 1_000_000_000
