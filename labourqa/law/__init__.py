"""The text of a law and what it consists of: articles, paragraphs, points, and the references between them.

Of the project's packages it may import `labourqa.errors` only.
"""
