"""What people do with the pages in a browser."""
