"""What the page and the tests may do behind the scenes."""
