"""Independent engines that prove statements, each with a certificate."""
