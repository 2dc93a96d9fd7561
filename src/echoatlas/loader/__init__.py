"""What a trainer imports: a release as samples."""
