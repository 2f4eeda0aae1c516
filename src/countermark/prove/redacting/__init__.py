"""What is personal or privileged is taken out of a package."""
