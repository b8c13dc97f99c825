"""Words: sentences in each language, Markdown, names."""
