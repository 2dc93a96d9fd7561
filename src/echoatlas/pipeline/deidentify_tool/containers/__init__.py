"""Writing clean containers: nothing is in them but pixels, and what makes pixels readable."""
