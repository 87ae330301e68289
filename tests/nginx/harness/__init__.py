"""What the tests of the nginx module share."""
