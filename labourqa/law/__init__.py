"""What a law consists of, and how its text is read: articles, paragraphs, points, and the references between them.

Of the project's packages it may import `labourqa.errors` only.
"""
