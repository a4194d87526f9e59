"""A receipt for readers: in the terminal, in a pull request, as a page."""
