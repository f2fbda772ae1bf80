"""One HTML page that shows a result: structure, bonds, vectors, plaquettes, spins, to turn about.

The page holds its numbers and its program; it needs a browser and no network.
"""

from msgreen.page.result import read_page as read_page
from msgreen.page.result import result_page as result_page
from msgreen.page.view import Page as Page
from msgreen.page.view import view as view
