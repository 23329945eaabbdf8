"""What makes pages of the docs: the parts that are written from the code, pictures of a terminal, and the site."""
