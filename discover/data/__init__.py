"""Tables, cards and tasks: columns with units, groups, splits by scale, and the sealed test rows.

`tasks.load_task` and `guesses.task_from_table` are the two ways in; `table.Table` is what comes out.
"""
