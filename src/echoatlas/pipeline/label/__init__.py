"""Evidence fused to labels, and people's decisions above them."""
