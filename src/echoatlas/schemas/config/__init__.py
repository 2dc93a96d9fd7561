"""Configuration: what a deployment, a site and a release may say; an unknown key is an error."""
