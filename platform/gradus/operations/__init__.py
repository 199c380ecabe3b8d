"""What `make up` starts and watches, `doctor`, backups."""
