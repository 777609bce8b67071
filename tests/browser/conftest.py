from pages_browser import address as address
from pages_browser import chromium as chromium
from pages_browser import house as house
from pages_browser import open_page as open_page
