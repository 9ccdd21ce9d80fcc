"""Settlement: Amazon's reports fetched and read, every line matched with our payments, what differs shown.

``matching`` compares one file with our copy, ``importing`` brings reports here (by hand, by command, daily), and
``asking`` is what pages and commands ask of Amazon: reports, schedules, disbursements.
"""
