"""What we do because something happened."""
