"""The theory of this project."""
