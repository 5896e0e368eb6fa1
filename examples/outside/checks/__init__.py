"""What the tests of this project have in common."""
