"""Pure functions from results to what people read: charts, HTML, Markdown, terminal lines."""
