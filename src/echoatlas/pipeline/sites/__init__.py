"""What a site gets from us: a checked file, receipts."""
