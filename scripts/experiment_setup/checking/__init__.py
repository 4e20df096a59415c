"""Finding mistakes, mending and reporting them."""
