"""What a site gets from us: a bucket that only it can use, a guide, a dry run, receipts."""
