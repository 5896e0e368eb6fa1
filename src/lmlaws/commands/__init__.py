"""What the commands of the command line do; each function returns an exit code."""
