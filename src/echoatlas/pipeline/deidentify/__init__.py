"""De-identification: attributes rebuilt by allow-list, pixels blacked out and checked again."""
