"""A folder in Google Drive as a source."""
