"""The catalogue, a file a family. Every Claim found in these modules is part of it; there is no list to keep."""
