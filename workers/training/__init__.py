"""Training by engines that exist, for base models larger than the built-in one."""
