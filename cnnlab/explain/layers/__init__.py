"""The table of a network's layers, with the arithmetic behind each number.

Read in this order:
    table     the entry: trace a model, make rows, totals and notes
    row       one call as a row; formulas: its sizes, parameters and MACs
    folding   a long table made shorter; notes: findings for learners
    terminal  for a console; text: markdown, CSV, JSON
    steps     a few layers computed step by step
"""
