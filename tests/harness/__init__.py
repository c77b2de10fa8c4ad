"""What the integration tests and the demo share: processes, certificates, the whole stack."""
