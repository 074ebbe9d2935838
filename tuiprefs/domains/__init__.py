"""What a sample is: one small protocol, and the domains that fulfil it."""
