"""How much work a document may cause: the file is untrusted, and a few bytes can unpack to gigabytes."""

MAX_BYTES = 50_000_000  # of the file, and of what it unpacks to; a labour code is a megabyte or two
MAX_CHARACTERS = (
    20_000_000  # of text; most labour codes have less than a million, one of 10,000 articles 14 million
)
MAX_LINES = 300_000  # of text; a code of 10,000 articles has 110,000; parsing so many takes 12 s at most
MAX_ELEMENTS = 600_000  # of XML or HTML: paragraphs, runs, cells; a long code in Word has 100,000
MAX_DEPTH = 200  # of elements inside one another
MAX_SECONDS = 20  # of processor time
MAX_WALL_SECONDS = 120  # a busy computer needs longer than the processor time
MAX_MEMORY_BYTES = 1_000_000_000
