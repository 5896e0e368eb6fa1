"""The first checker of certificates, written from docs/certificates.md alone: standard library, exact fractions."""
