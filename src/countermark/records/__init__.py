"""What the stages exchange: frozen records with content-derived ids, and the tables' schemas."""
