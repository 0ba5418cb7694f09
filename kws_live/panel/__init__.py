"""Watch and tune the spotter live: a page in the browser, or a view in the terminal.

::

    steps, audio ──> observer ──> view_state ──> server ──> page
                                      │            ^
                     history, why, hindsight, evidence
                                                   │
                        live settings <── desk <───┘

The page sees what the detector decided and turns the same `LiveSettings` as everybody else. Sound and scores of the
last ten minutes are kept in memory; nothing leaves the machine, and nothing is written before the user says so.
"""
