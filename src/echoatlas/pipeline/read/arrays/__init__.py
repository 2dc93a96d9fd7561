"""Arrays and volumes of research formats: which of them are pictures, and along which axes."""
