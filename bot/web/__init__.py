"""HTTP, inwards: the web server's pages, health and callbacks."""
