"""What a package and the people behind a case say, gathered for a reader."""
