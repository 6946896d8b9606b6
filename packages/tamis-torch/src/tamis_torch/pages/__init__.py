"""What the report pages are made of: charts as inline SVG, templates, and the reading of a run folder."""
