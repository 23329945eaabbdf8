"""What makes pages of the docs: the parts that are written from the code, and the site."""
