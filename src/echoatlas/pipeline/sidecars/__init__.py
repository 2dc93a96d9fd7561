"""Tables and masks that lie beside pictures, and what they say."""
