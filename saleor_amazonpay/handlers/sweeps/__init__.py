"""What is found by looking when nobody told us: one module for each sweep.

A sweep takes what is due, a bounded number of rows a run, through an index that holds nothing else. Before it looks at
a row it puts off the row's next look, so that a row that fails, or two replicas, cost one look and never stop a batch
(DESIGN §4 rule 10).
"""
