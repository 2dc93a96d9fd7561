"""Made-up pictures: tissue, fans, screens, and what is written on them."""
