"""The console: the operator's desk and the ledger as web pages, on the operator's listeners and nowhere else.

    app.py ......... the application: which page is where, who may see it, what every answer carries
    beside.py ...... the API and the console as one application
    sessions.py .... who has shown the token
    visit.py ....... one request, read: by whom, for what, from where
    pages.py ....... templates to HTML; words.py makes what people say harmless
    looking.py ..... calls, one call, the node
    acting.py ...... what changes something, and the question before it
    history.py ..... searching the ledger; charts.py, timeline.py: numbers to pictures

The pages work without their script, which only keeps them up to date. Used by `operating.py`.
"""

from daemon.console.app import create_console as create_console
from daemon.console.beside import Beside as Beside
